// WAV files for the fake microphone: read PCM16, resample to 48 kHz, add silence, write. And a voice-like
// sound for tests without a voice. Knows no other encoding than mono or stereo PCM16.

const MICROPHONE_HZ = 48_000; // what Chromium's fake microphone expects of its file

/** The first channel as floats, and its rate. */
export function readWav(bytes) {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('not a WAV file');
  }
  let format;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    const start = at + 8;
    if (name === 'fmt ') {
      format = { channels: bytes.readUInt16LE(start + 2), rate: bytes.readUInt32LE(start + 4), bits: bytes.readUInt16LE(start + 14) };
    } else if (name === 'data') {
      if (format?.bits !== 16) throw new Error(`need 16-bit PCM, found ${format?.bits} bits`);
      const frame = 2 * format.channels;
      const frames = Math.floor(Math.min(size, bytes.length - start) / frame);
      const samples = Float64Array.from({ length: frames }, (_, i) => bytes.readInt16LE(start + i * frame) / 32768);
      return { samples, rate: format.rate };
    }
    at = start + size + (size % 2);
  }
  throw new Error('the WAV file has no data');
}

/** Mono PCM16 at 48 kHz with silence before and after. */
export function microphoneWav({ samples, rate }, { leadSeconds, tailSeconds = 3 }) {
  const speech = resample(samples, rate, MICROPHONE_HZ);
  const lead = Math.round(leadSeconds * MICROPHONE_HZ);
  const total = lead + speech.length + tailSeconds * MICROPHONE_HZ;
  const bytes = Buffer.alloc(44 + 2 * total);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + 2 * total, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20); // PCM
  bytes.writeUInt16LE(1, 22); // mono
  bytes.writeUInt32LE(MICROPHONE_HZ, 24);
  bytes.writeUInt32LE(2 * MICROPHONE_HZ, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(2 * total, 40);
  speech.forEach((sample, i) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    bytes.writeInt16LE(Math.round(clipped * 32767), 44 + 2 * (lead + i));
  });
  return bytes;
}

/** Bursts that pass for a voice in a browser's noise suppressor, which removes a steady tone. */
export function voiceLike({ seconds, everySeconds, burstSeconds }) {
  const rate = MICROPHONE_HZ;
  const samples = new Float64Array(seconds * rate);
  for (let i = 0; i < samples.length; i += 1) {
    const t = i / rate;
    if (t % everySeconds > burstSeconds) continue;
    const pitch = 130 + 25 * Math.sin(2 * Math.PI * 0.7 * t); // a gliding pitch
    const syllable = Math.max(0, Math.sin(2 * Math.PI * 2 * t)); // four a second, with gaps
    for (let harmonic = 1; harmonic <= 12; harmonic += 1) {
      samples[i] += (0.35 * syllable * Math.sin(2 * Math.PI * pitch * harmonic * t)) / harmonic;
    }
  }
  return { samples, rate };
}

/** Band-limited by a windowed sinc, so that a 22.05 kHz voice gains no mirrored treble at 48 kHz. */
function resample(samples, from, to) {
  if (from === to) return samples;
  const step = from / to;
  const cutoff = Math.min(1, to / from);
  const half = Math.ceil(16 / cutoff);
  const out = new Float64Array(Math.floor(samples.length / step));
  for (let i = 0; i < out.length; i += 1) {
    const centre = i * step;
    const first = Math.max(0, Math.ceil(centre - half));
    const last = Math.min(samples.length - 1, Math.floor(centre + half));
    for (let j = first; j <= last; j += 1) {
      const x = (j - centre) * cutoff;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      const window = 0.5 + 0.5 * Math.cos((Math.PI * (j - centre)) / (half + 1));
      out[i] += samples[j] * sinc * window * cutoff;
    }
  }
  return out;
}
