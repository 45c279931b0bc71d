// Where something is in a text, counted as JavaScript does (UTF-16 code units) and as everybody else on the wire does
// (code points). Pure.

export function toCodePoints(text: string, units: number): number {
  let points = 0;
  for (let i = 0; i < units && i < text.length; points++) i += (text.codePointAt(i) as number) > 0xffff ? 2 : 1;
  return points;
}

export function toCodeUnits(text: string, points: number): number {
  let i = 0;
  for (let seen = 0; seen < points && i < text.length; seen++) i += (text.codePointAt(i) as number) > 0xffff ? 2 : 1;
  return i;
}
