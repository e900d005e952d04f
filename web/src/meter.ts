// How loud a voice is right now, for the bars that show it.

// One for the page: browsers allow only a few.
let context: AudioContext | undefined;

// Below this a room sounds empty, above that a voice is loud.
const SILENCE_DB = -55;
const LOUD_DB = -15;

/** Shows the level (0 to 1) of a track with each frame of the screen, until the result is called. */
export function followLevel(track: MediaStreamTrack, show: (level: number) => void): () => void {
  context ??= new AudioContext();
  // Calls begin with a click, so the browser lets it run; where it does not, the bars rest.
  void context.resume().catch(() => undefined);
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  let frame = requestAnimationFrame(function look() {
    analyser.getFloatTimeDomainData(samples);
    const level = levelOf(samples);
    // Up at once, down slowly: as an eye expects of a meter.
    shown = Math.max(level, shown * 0.88);
    show(shown);
    frame = requestAnimationFrame(look);
  });
  return () => {
    cancelAnimationFrame(frame);
    source.disconnect();
    show(0);
  };
}

/** From 0 (silence) to 1 (loud), by decibels as ears do. */
export function levelOf(samples: Float32Array): number {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  const db = 10 * Math.log10(energy / Math.max(1, samples.length));
  return Math.min(1, Math.max(0, (db - SILENCE_DB) / (LOUD_DB - SILENCE_DB)));
}
