"""A stand-in for the agent, for tests of the page alone.

Joins a room with a token of kind agent, publishes a tone as its voice, sets `lk.agent.state`, welcomes
the caller, and answers each chat line and each sound from the microphone that ends in a pause. It
recognises nothing and knows no model: its transcripts and answers are fixed, so that the page can be
judged.
"""

import argparse
import array
import asyncio
import math
import signal
import struct

from livekit import rtc

SAMPLE_RATE_HZ = 24_000
FRAME_MS = 20
TONE_HZ = 330

TOPIC_TRANSCRIPTION = "lk.transcription"
TOPIC_CHAT = "lk.chat"


# A frame above this counts as sound, and a caller who was quiet for this long has finished.
SOUND_PEAK_MIN = 1_000
PAUSE_S = 0.6

# What is "heard" and answered, turn by turn; the last one repeats.
TURNS = [
    (["what is", "what is the capital"], "What is the capital of France?", "The capital of France is Paris."),
    (["كيف"], "كيف أدفع الفاتورة رقم 42 بتطبيق Sawt؟", "تدفعها من صفحة الفواتير، ثم «ادفع الآن»."),
]


class MockAgent:
    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.source = rtc.AudioSource(SAMPLE_RATE_HZ, 1)
        self.segments = 0
        self.turn = asyncio.Lock()
        self.caller_speech_ended = asyncio.Event()
        room.on("track_subscribed", self.on_track)

    async def join(self, url: str, token: str) -> None:
        self.room.register_text_stream_handler(TOPIC_CHAT, self.on_chat)
        await self.room.connect(url, token)
        await self.set_state("initializing")
        track = rtc.LocalAudioTrack.create_audio_track("roomio_audio", self.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        await self.set_state("listening")

    async def set_state(self, state: str) -> None:
        await self.room.local_participant.set_attributes({"lk.agent.state": state})

    def segment(self) -> str:
        self.segments += 1
        return f"SG_{self.segments}"

    async def say(self, text: str) -> None:
        """Speaks (a tone) and captions the words one by one, as a real agent does."""
        async with self.turn:
            await self.set_state("speaking")
            writer = await self.room.local_participant.stream_text(
                topic=TOPIC_TRANSCRIPTION,
                attributes={"lk.segment_id": self.segment(), "lk.transcription_final": "false"},
            )
            for word in text.split(" "):
                await writer.write(word + " ")
                await self.tone(0.15)
            await writer.aclose(attributes={"lk.transcription_final": "true"})
            await self.set_state("listening")

    async def hear(self, partials: list[str], final: str) -> None:
        """Captions the caller: each partial is a whole new stream of the same segment."""
        caller = next(iter(self.room.remote_participants.values()))
        segment = self.segment()
        for text, is_final in [*((p, "false") for p in partials), (final, "true")]:
            writer = await self.room.local_participant.stream_text(
                topic=TOPIC_TRANSCRIPTION,
                sender_identity=caller.identity,
                attributes={"lk.segment_id": segment, "lk.transcription_final": is_final},
            )
            await writer.write(text)
            await writer.aclose()
            await asyncio.sleep(0.3)

    async def tone(self, seconds: float) -> None:
        samples = SAMPLE_RATE_HZ * FRAME_MS // 1000
        for frame in range(int(seconds * 1000 / FRAME_MS)):
            start = frame * samples
            data = b"".join(
                struct.pack("<h", int(6000 * math.sin(2 * math.pi * TONE_HZ * (start + i) / SAMPLE_RATE_HZ)))
                for i in range(samples)
            )
            await self.source.capture_frame(rtc.AudioFrame(data, SAMPLE_RATE_HZ, 1, samples))

    def on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            asyncio.get_running_loop().create_task(self.listen(track))

    async def listen(self, track: rtc.Track) -> None:
        """Notices sound followed by a pause; frames come at a steady pace, so they are the clock."""
        quiet_s = None
        async for event in rtc.AudioStream(track, sample_rate=16_000, num_channels=1):
            samples = array.array("h", bytes(event.frame.data))
            if max(abs(s) for s in samples) >= SOUND_PEAK_MIN:
                quiet_s = 0.0
            elif quiet_s is not None:
                quiet_s += len(samples) / 16_000
                if quiet_s >= PAUSE_S:
                    quiet_s = None
                    self.caller_speech_ended.set()

    async def converse(self) -> None:
        while not self.room.remote_participants:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await self.say("Hello, this is Sawt. How can I help you?")
        for turn in range(1_000):
            self.caller_speech_ended.clear()
            await self.caller_speech_ended.wait()
            partials, final, answer = TURNS[min(turn, len(TURNS) - 1)]
            await self.hear(partials, final)
            await self.say(answer)

    def on_chat(self, reader: rtc.TextStreamReader, _sender: str) -> None:
        async def answer() -> None:
            text = await reader.read_all()
            await self.set_state("thinking")
            await self.say(f"You wrote: {text}")

        asyncio.get_running_loop().create_task(answer())


async def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--token", required=True)
    arguments.add_argument("--seconds", type=float, default=60, help="leave after this long")
    args = arguments.parse_args()

    room = rtc.Room()
    agent = MockAgent(room)
    gone = asyncio.Event()
    room.on("disconnected", lambda *_: gone.set())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, gone.set)
    await agent.join(args.url, args.token)
    print("joined", flush=True)

    talking = asyncio.create_task(agent.converse())
    try:
        await asyncio.wait_for(gone.wait(), args.seconds)
    except asyncio.TimeoutError:
        pass
    talking.cancel()
    await room.disconnect()


asyncio.run(main())
