// A long text in pieces that can be read one by one: where each begins in bytes, and which of its lines belong to it. Pure.
//
// A piece is PIECE bytes. Of what was read of it (a little more than its bytes) those lines are its own that begin in it, so
// pieces side by side show each line once and whole. A line that is longer than what was read is cut.

export const PIECE = 64 * 1024; // bytes
export const BEYOND = 8 * 1024; // bytes read after a piece's end, for its last line

export const pieceCount = (size: number) => Math.ceil(size / PIECE);

/** The bytes to read for a piece: one before it tells whether a line begins with it. */
export function rangeOf(piece: number, size: number): { from: number; to: number } {
  return { from: Math.max(0, piece * PIECE - 1), to: Math.min(size, (piece + 1) * PIECE + BEYOND) };
}

/** Of the bytes of `rangeOf`, those of the lines that begin in the piece: from, to. */
export function ownLines(bytes: Uint8Array, piece: number): { from: number; to: number } {
  const before = piece === 0 ? 0 : 1;
  const first = piece === 0 ? 0 : bytes.indexOf(NEWLINE) + 1; // 0: the line that goes through it is not its own
  const end = before + PIECE;
  const atEnd = end - 1 < bytes.length ? bytes.indexOf(NEWLINE, end - 1) : -1;
  const to = atEnd < 0 ? bytes.length : atEnd + 1;
  if (piece > 0 && (first === 0 || first > end)) {
    // One line from end to end: cut, or nothing would show.
    return bytes.length > end ? { from: before, to: end } : { from: before, to: bytes.length };
  }
  return { from: first, to };
}

const NEWLINE = 10;

/** Where `query` comes next in `text`, whatever the case; -1 if it does not. */
export function findNext(text: string, query: string, from: number): number {
  return text.toLowerCase().indexOf(query.toLowerCase(), from);
}

export function inWords(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
