// As much of AMD as one package needs that is bundled here: it is evaluated after this module and before `factory`.

let made: ((...dependencies: unknown[]) => unknown) | null = null;

Object.assign(globalThis, { define: (_names: string[], make: typeof made) => (made = make) });

export function factory(): (...dependencies: unknown[]) => unknown {
  delete (globalThis as { define?: unknown }).define; // libraries look whether it is there
  if (made === null) throw new Error("The package did not define anything.");
  return made;
}
