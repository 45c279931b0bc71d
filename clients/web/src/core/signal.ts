// Something that happens, and those who want to hear of it. Pure.

export class Signal<T = void> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Hear of it from now on, after those who came before; call what is returned to hear no more. */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
