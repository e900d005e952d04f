"""Pipecat with local engines, tuned for latency: a peer of `benches/peers/agent`.

    pipecat_agent.py WHISPER_FOLDER VOICE.onnx LLM_URL THREADS

Reads names of rooms from standard input, one a line, and serves a call in each, at LIVEKIT_URL. All parts are Pipecat's own:
LiveKit transport, Silero, Smart Turn v3.2, faster-whisper, Piper, the aggregators. Tuned: models are loaded once and
warmed; greedy decoding without timestamps; 10 ms of audio at a time; the recommended 0.2 s of silence before Smart Turn is
asked. Nothing is fetched: sealed by HF_HUB_OFFLINE.
"""

import asyncio
import functools
import os
import sys
from pathlib import Path

import numpy
from livekit import api
from loguru import logger
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.piper.tts import PiperTTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transcriptions.language import Language
from pipecat.transports.livekit.transport import LiveKitParams, LiveKitTransport
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

WHISPER, VOICE, LLM_URL, THREADS = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
WELCOME = "Hello, how can I help you?"

logger.remove()
logger.add(sys.stderr, level=os.environ.get("PEER_LOG", "WARNING"))


def load():
    """The models, loaded once: each service of a call takes them from here."""
    import faster_whisper
    import piper
    import pipecat.services.piper.tts as piper_service
    import pipecat.services.whisper.stt as whisper_service

    model = faster_whisper.WhisperModel(WHISPER, device="cpu", compute_type="int8", cpu_threads=THREADS, num_workers=1)
    # The service gives no way to say these.
    model.transcribe = functools.partial(
        model.transcribe, beam_size=1, without_timestamps=True, condition_on_previous_text=False, temperature=0.0
    )
    whisper_service.WhisperModel = lambda *_, **__: model
    voice = piper.PiperVoice.load(VOICE)

    class Loaded:
        load = staticmethod(lambda *_, **__: voice)

    piper_service.PiperVoice = Loaded
    list(voice.synthesize(WELCOME))
    list(model.transcribe(numpy.zeros(16000, dtype=numpy.float32), language="en")[0])


def token(room):
    grants = api.VideoGrants(room_join=True, room=room, agent=True)
    key, secret = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
    return api.AccessToken(key, secret).with_identity("pipecat").with_kind("agent").with_grants(grants).to_jwt()


async def call(room):
    transport = LiveKitTransport(
        url=os.environ["LIVEKIT_URL"],
        token=token(room),
        room_name=room,
        params=LiveKitParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_10ms_chunks=1),
    )
    stt = WhisperSTTService(
        device="cpu",
        compute_type="int8",
        settings=WhisperSTTService.Settings(model=WHISPER, language=Language.EN),
    )
    llm = OpenAILLMService(api_key="none", base_url=LLM_URL, settings=OpenAILLMService.Settings(model="fixed"))
    tts = PiperTTSService(download_dir=VOICE.parent, settings=PiperTTSService.Settings(voice=VOICE.stem))
    context = LLMContext([{"role": "system", "content": "You are a friendly phone agent."}])
    smart_turn = LocalSmartTurnAnalyzerV3(cpu_count=THREADS)
    aggregators = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=UserTurnStrategies(stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=smart_turn)]),
            vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=0.2)),
        ),
    )
    pipeline = Pipeline(
        [transport.input(), stt, aggregators.user(), llm, tts, transport.output(), aggregators.assistant()]
    )
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=16000, audio_out_sample_rate=24000))

    @transport.event_handler("on_first_participant_joined")
    async def joined(_transport, _participant):
        await worker.queue_frame(TTSSpeakFrame(WELCOME))

    @transport.event_handler("on_participant_left")
    async def left(_transport, _participant, _reason):
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


async def main():
    load()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await call(line.strip())
        print("over", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
