"""faster-whisper as one more engine of engines/stt-common/examples/compare.rs.

Reads paths of 16 kHz WAV files from standard input, one a line, and answers each with one line of JSON: seconds of wall
time from samples to text, and the text. Tuned as its users tune it for latency: int8, beam 1, no timestamps, no
fallback to other temperatures, language given. It always pads to 30 s; there is no switch for that.
"""

import json
import sys
import time
import wave

import numpy
from faster_whisper import WhisperModel

model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=int(sys.argv[2]), num_workers=1)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    with wave.open(line.strip()) as clip:
        assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (16000, 1, 2), line
        pcm = numpy.frombuffer(clip.readframes(clip.getnframes()), dtype=numpy.int16)
    samples = pcm.astype(numpy.float32) / 32768.0
    start = time.perf_counter()
    segments, _ = model.transcribe(
        samples,
        beam_size=1,
        language="en",
        without_timestamps=True,
        condition_on_previous_text=False,
        temperature=0.0,
    )
    text = "".join(segment.text for segment in segments).strip()
    print(json.dumps({"wall_s": time.perf_counter() - start, "text": text}), flush=True)
