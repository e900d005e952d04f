// A short tone, so that a caller hears whether the chosen speaker is the right one.

const SAMPLE_RATE_HZ = 24_000;
const TONE_S = 0.6;
const TONE_HZ = 520;
const WAV_HEAD_BYTES = 44;

/** Plays it. Throws when the browser or the device refuses. */
export async function playTone(outputId: string): Promise<void> {
  const url = URL.createObjectURL(new Blob([toneWav()], { type: 'audio/wav' }));
  const audio = new Audio(url);
  audio.addEventListener('ended', () => URL.revokeObjectURL(url));
  if (outputId !== '' && 'setSinkId' in audio) await audio.setSinkId(outputId);
  await audio.play();
}

function toneWav(): ArrayBuffer {
  const count = Math.round(TONE_S * SAMPLE_RATE_HZ);
  const view = new DataView(new ArrayBuffer(WAV_HEAD_BYTES + count * 2));
  const name = (at: number, text: string) => {
    for (const [i, letter] of [...text].entries()) view.setUint8(at + i, letter.charCodeAt(0));
  };
  name(0, 'RIFF');
  view.setUint32(4, WAV_HEAD_BYTES - 8 + count * 2, true);
  name(8, 'WAVEfmt ');
  view.setUint32(16, 16, true); // length of this part
  view.setUint16(20, 1, true); // plain samples
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, SAMPLE_RATE_HZ, true);
  view.setUint32(28, SAMPLE_RATE_HZ * 2, true); // bytes per second
  view.setUint16(32, 2, true); // bytes per sample
  view.setUint16(34, 16, true); // bits per sample
  name(36, 'data');
  view.setUint32(40, count * 2, true);
  for (let i = 0; i < count; i += 1) {
    // In and out softly: a hard edge clicks.
    const loudness = Math.sin((Math.PI * i) / count) ** 2 * 0.25;
    const sample = loudness * Math.sin((2 * Math.PI * TONE_HZ * i) / SAMPLE_RATE_HZ);
    view.setInt16(WAV_HEAD_BYTES + i * 2, Math.round(sample * 32_767), true);
  }
  return view.buffer;
}
