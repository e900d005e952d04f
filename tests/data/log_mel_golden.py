"""Writes log-mel-golden.txt: what the reference says about the signal that src/engines/turn_detector/mel.rs builds.

    pip install numpy; unzip pipecat_ai-1.14.0-*.whl; python log_mel_golden.py pipecat/audio/turn/smart_turn/_whisper_features.py
"""

import importlib.util
import sys

import numpy as np

spec = importlib.util.spec_from_file_location("reference", sys.argv[1])
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def signal(samples):
    seed, out = 1, []
    for n in range(samples):
        seed = (seed * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        noise = (seed >> 24) - 128
        above = (n * n // 40) % 32_768 - 16_384
        saw = abs(above) // 2 * (1 if above >= 0 else -1)  # Rust divides towards zero
        out.append((saw if n % 24_000 < 16_000 else 0) + noise)
    return np.array(out, dtype=np.float32) / 32_768


print("# samples row frame value: pipecat-ai 1.14.0's _whisper_features.py, by log_mel_golden.py")
for samples in (128_000, 30_000, 200_000):
    heard = signal(samples)[-128_000:]
    features = reference.compute_whisper_log_mel_features(np.pad(heard, (128_000 - len(heard), 0)))
    for row in range(0, 80, 9):
        for frame in (0, 1, 5, 99, 100, 200, 333, 401, 500, 611, 620, 640, 700, 760, 798, 799):
            print(samples, row, frame, f"{features[row, frame]:.5f}")
