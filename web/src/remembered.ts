// What the page remembers of a caller's choices, in this browser only. A frame on another site may
// have no storage at all: then nothing is remembered, and nothing breaks.

type Key = 'language' | 'digits' | 'input' | 'output';

export function remembered(key: Key): string | undefined {
  try {
    return localStorage.getItem(`sawt.${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(key: Key, value: string): void {
  try {
    localStorage.setItem(`sawt.${key}`, value);
  } catch {
    // See above.
  }
}
