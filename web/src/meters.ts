// Which voices are measured now: one meter each for agent, caller and the test before a call.

import { followLevel } from './meter';

export type Metered = 'agent' | 'caller' | 'check';

export class Meters {
  private readonly running = new Map<Metered, () => void>();

  constructor(private readonly show: (whose: Metered, level: number) => void) {}

  /** Measures this track from now on, in place of what was measured there. */
  follow(whose: Metered, track: MediaStreamTrack | undefined): void {
    this.running.get(whose)?.();
    this.running.delete(whose);
    if (!track) return;
    try {
      this.running.set(whose, followLevel(track, (level) => this.show(whose, level)));
    } catch {
      // A browser without sound processing, or out of it: the call goes on without moving bars.
    }
  }
}
