"""piper-tts and streaming-vits as two more voices of engines/tts/benches/latency.rs.

    piper_tts.py {piper-tts|streaming-vits} VOICE.onnx THREADS

Reads texts from standard input, one a line, and answers each with one line of JSON: seconds from the text to the first
audio and to the last, processor seconds, and seconds of audio. 0 threads leaves each package its own default. Both get
phonemes from the espeak-ng inside piper-tts: streaming-vits by itself starts a program for each sentence, which would
be counted against it.
"""

import json
import sys
import tempfile
import time

import onnxruntime
from piper import PiperVoice


def options(threads):
    options = onnxruntime.SessionOptions()
    if threads:
        options.intra_op_num_threads = threads
    return options


def piper(voice, path, threads):
    if threads:
        voice.session = onnxruntime.InferenceSession(path, options(threads), providers=["CPUExecutionProvider"])

    def speak(text):
        for chunk in voice.synthesize(text):
            yield len(chunk.audio_int16_bytes) // 2

    return speak


def streaming_vits(voice, path, threads):
    import streaming_vits.phonemize

    streaming_vits.phonemize.build = lambda *_, **__: None
    tts = streaming_vits.StreamingTTS(path, threads=threads or None, verbose=False, cache=tempfile.mkdtemp())
    import numpy

    def ids(text):
        phonemes = [phoneme for sentence in voice.phonemize(text) for phoneme in sentence]
        return numpy.array([voice.phonemes_to_ids(phonemes)], dtype=numpy.int64), 0

    tts.phoneme_ids = ids

    def speak(text):
        for chunk in tts.stream(text):
            yield len((chunk.audio * 32767).clip(-32768, 32767).astype(numpy.int16).tobytes()) // 2

    return speak


def main():
    kind, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    voice = PiperVoice.load(path)
    speak = {"piper-tts": piper, "streaming-vits": streaming_vits}[kind](voice, path, threads)
    list(speak("Thank you for calling, how can I help you today?"))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        cpu, start, first, samples = time.process_time(), time.perf_counter(), None, 0
        for count in speak(line.strip()):
            first = first or time.perf_counter() - start
            samples += count
        total = time.perf_counter() - start
        rate = voice.config.sample_rate
        answer = {
            "first_s": first, "total_s": total, "cpu_s": time.process_time() - cpu, "audio_s": samples / rate,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
