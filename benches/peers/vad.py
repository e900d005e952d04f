"""Silero in Python and in Sawt, on the same sound: the work behind `benches/peers/vad`.

The peer is the `silero-vad` package's own weights through onnxruntime with one thread, as its `OnnxWrapper` sets it up, but
fed with numpy instead of torch: the package would bring torch for nothing else, and goes faster without it.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
import time
import wave
from pathlib import Path

import numpy
import onnxruntime

WINDOW, CONTEXT, RATE = 512, 64, 16000


def percentile(values, share):
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * share), 1) - 1]


class Silero:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        # The package is not imported: that would ask for torch.
        import importlib.util

        folder = Path(importlib.util.find_spec("silero_vad").submodule_search_locations[0])
        weights = str(folder / "data/silero_vad.onnx")
        self.session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self.rate = numpy.array(RATE, dtype=numpy.int64)

    def hear(self, windows):
        state = numpy.zeros((2, 1, 128), dtype=numpy.float32)
        context = numpy.zeros((1, CONTEXT), dtype=numpy.float32)
        scores = []
        for window in windows:
            heard = numpy.concatenate([context, window], axis=1)
            output, state = self.session.run(None, {"input": heard, "state": state, "sr": self.rate})
            context = heard[:, -CONTEXT:]
            scores.append(float(output[0, 0]))
        return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sawt", required=True)
    parser.add_argument("--wav", required=True, help="16 kHz, mono")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--passes", type=int, default=10)
    args = parser.parse_args()
    with wave.open(args.wav) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2), args.wav
        pcm = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype=numpy.int16)
    # Made ready beforehand: only the detector is measured, as on our side.
    windows = (pcm[: len(pcm) // WINDOW * WINDOW].astype(numpy.float32) / 32768.0).reshape(-1, 1, WINDOW)
    peer = Silero()
    scores = peer.hear(windows)
    ours, theirs, ours_scores = [], [], []
    print(f"load at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "vad.json")
        for _ in range(args.rounds):
            command = [args.sawt, "bench", "vad", args.wav, "--passes", str(args.passes), "--json", str(report)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            series = {one["name"]: one["values"] for one in json.loads(report.read_text())["series"]}
            ours += series["one window of 32 ms"]
            ours_scores = series["speech in a window"]
            for _ in range(args.passes):
                start = time.perf_counter()
                peer.hear(windows)
                theirs.append((time.perf_counter() - start) / len(windows) * 1e6)
    assert len(scores) == len(ours_scores), (len(scores), len(ours_scores))
    apart = max(abs(a - b) for a, b in zip(scores, ours_scores))
    speech = sum(score >= 0.5 for score in scores)
    print(f"\n{len(windows)} windows of 32 ms, {speech} of them speech, {len(ours)} passes each, in turns; "
          f"largest difference of a probability: {apart:.1e} (goal: 1e-4)\n")  # fmt: skip
    print("| one caller after another, one thread | µs a window, p50 | p95 | callers per core, p50 |\n|---|---|---|---|")
    for name, values in (("Sawt", ours), ("silero-vad in Python (onnxruntime 1.32.0)", theirs)):
        middle = percentile(values, 0.5)
        print(f"| {name} | {middle:.1f} | {percentile(values, 0.95):.1f} | {32000 / middle:.0f} |")
    gain = percentile(theirs, 0.5) / percentile(ours, 0.5)
    print(f"\nCallers per core, ours to theirs: {gain:.2f}× (goal: 2×).")


if __name__ == "__main__":
    main()
