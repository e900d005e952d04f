"""livekit-agents with local engines, tuned for latency: a peer of `benches/peers/agent`.

    livekit_agent.py PORT WHISPER_FOLDER VOICE.onnx LLM_URL THREADS

Registers as `peer-livekit` at LIVEKIT_URL. faster-whisper and Piper are thin plugins of ours, for the framework has none;
all else is its own: Silero and the end-of-turn model out of `livekit-local-inference`, the sentence splitter, the
preemptive generation. Tuned: calls run as threads, so that the models are loaded once and no second process warms up
beside a call; preemptive generation speaks as well; its shortest delays that its documentation recommends for this
detector. Nothing is fetched: sealed by HF_HUB_OFFLINE.
"""

import asyncio
import logging
import os
import sys

import numpy
from faster_whisper import WhisperModel
from livekit import agents
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobExecutorType, inference, room_io, stt, tts
from livekit.agents.utils import shortuuid
from livekit.plugins import openai
from piper import PiperVoice

PORT, WHISPER, VOICE, LLM_URL, THREADS = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
WELCOME = "Hello, how can I help you?"

whisper = WhisperModel(WHISPER, device="cpu", compute_type="int8", cpu_threads=THREADS, num_workers=1)
voice = PiperVoice.load(VOICE)


def transcribe(samples):
    segments, _ = whisper.transcribe(
        samples,
        beam_size=1,
        language="en",
        without_timestamps=True,
        condition_on_previous_text=False,
        temperature=0.0,
    )
    return "".join(segment.text for segment in segments).strip()


class Whisper(stt.STT):
    def __init__(self):
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(self, buffer, *, language=None, conn_options=None):
        frame = agents.utils.merge_frames(buffer)
        pcm = numpy.frombuffer(frame.data, dtype=numpy.int16).astype(numpy.float32) / 32768.0
        if frame.sample_rate != 16000:
            raise ValueError(f"want 16 kHz, got {frame.sample_rate}")
        text = await asyncio.to_thread(transcribe, pcm)
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(language="en", text=text, confidence=1.0)],
        )


class Piper(tts.TTS):
    def __init__(self):
        rate = voice.config.sample_rate
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=rate, num_channels=1)

    def synthesize(self, text, *, conn_options=agents.DEFAULT_API_CONNECT_OPTIONS):
        return PiperStream(tts=self, input_text=text, conn_options=conn_options)


class PiperStream(tts.ChunkedStream):
    async def _run(self, output):
        output.initialize(
            request_id=shortuuid(), sample_rate=voice.config.sample_rate, num_channels=1, mime_type="audio/pcm"
        )
        chunks = voice.synthesize(self.input_text)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            output.push(chunk.audio_int16_bytes)
        output.flush()


server = AgentServer(
    job_executor_type=JobExecutorType.THREAD,
    num_idle_processes=1,
    load_fnc=lambda: 0.0,
    host="127.0.0.1",
    port=PORT,
)


@server.rtc_session(agent_name="peer-livekit")
async def call(ctx: JobContext):
    session = AgentSession(
        stt=Whisper(),
        vad=inference.VAD(model="silero", min_silence_duration=0.25),
        llm=openai.LLM(model="fixed", base_url=LLM_URL, api_key="none"),
        tts=Piper(),
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "endpointing": {"mode": "fixed", "min_delay": 0.3, "max_delay": 2.5},
            "interruption": {"mode": "vad"},
            "preemptive_generation": {"enabled": True, "preemptive_tts": True},
        },
    )
    await session.start(
        agent=Agent(instructions="You are a friendly phone agent."),
        room=ctx.room,
        room_options=room_io.RoomOptions(audio_input=room_io.AudioInputOptions(sample_rate=16000)),
    )
    session.say(WELCOME)


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("PEER_LOG", "WARNING"))
    server.on("worker_registered", lambda *_: print("registered", file=sys.stderr, flush=True))
    list(voice.synthesize(WELCOME))
    transcribe(numpy.zeros(16000, dtype=numpy.float32))
    asyncio.run(server.run(devmode=False))
