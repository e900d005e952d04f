// The microphone's test before a call. Its microphone goes over to the call that follows, so that
// the browser asks once.

import { LocalAudioTrack } from 'livekit-client';
import type { Problem } from './errors';
import { openMicrophone } from './microphone';

export interface TestListener {
  problem(problem: Problem): void;
  /** The microphone that is heard now; none: the test is over. */
  opened(track: MediaStreamTrack | undefined): void;
}

export class MicrophoneTest {
  private track: LocalAudioTrack | undefined;
  private attempt = 0;

  constructor(private readonly listener: TestListener) {}

  get running(): boolean {
    return this.track !== undefined;
  }

  /** Opens the microphone, or another one in its place. */
  async start(inputId: string): Promise<void> {
    this.stop();
    const mine = ++this.attempt;
    const opened = await openMicrophone(inputId);
    const late = mine !== this.attempt; // something else began while the browser was asking
    if (!(opened instanceof LocalAudioTrack)) {
      if (!late) this.listener.problem(opened);
      return;
    }
    if (late) {
      opened.stop();
      return;
    }
    this.track = opened;
    this.listener.opened(opened.mediaStreamTrack);
  }

  /** Gives the open microphone away, if there is one; who takes it stops it. */
  handOver(): LocalAudioTrack | undefined {
    const { track } = this;
    this.track = undefined;
    return track;
  }

  /** Ends the test. */
  stop(): void {
    this.attempt += 1;
    this.track?.stop();
    this.track = undefined;
    this.listener.opened(undefined);
  }
}
