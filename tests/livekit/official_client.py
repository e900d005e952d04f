"""A caller that none of us wrote: the PyPI `livekit` SDK joins a room and hears the agent.

Waits for the agent, listens to its welcome, plays a WAV file as its microphone, and listens to the
answer. Prints one JSON object {agent_identity, welcome_energy, answer_energy, captions} and exits 0
when the agent spoke after the question; otherwise prints the reason on stderr and exits 1. Energy is
the squared level (full scale = 1) summed over time, in seconds: one second of ordinary speech is about
0.01. Knows nothing of Sawt: only of LiveKit's conventions for agents.
"""

import argparse
import array
import asyncio
import json
import sys
import wave

from livekit import rtc

FRAME_MS = 20
TOPIC_TRANSCRIPTION = "lk.transcription"

# Below this level the agent is silent (Opus comfort noise is far lower, speech far higher).
SPEECH_LEVEL_MIN = 0.003
# The agent has finished when it was silent for this long; its clauses are closer together.
TURN_END_S = 1.5
# Less than this is a click, no speech.
SPEECH_S_MIN = 0.3


class Failed(Exception):
    """Why the call is no success."""


class AgentEar:
    """Measures what the agent says; time is that of the received audio."""

    def __init__(self) -> None:
        self.energy = 0.0
        self.speech_s = 0.0
        self.silence_s = 0.0

    def start_turn(self) -> None:
        self.energy = self.speech_s = self.silence_s = 0.0

    def hear(self, frame: rtc.AudioFrame) -> None:
        samples = array.array("h", bytes(frame.data))
        if not samples:
            return
        duration_s = len(samples) / frame.num_channels / frame.sample_rate
        power = sum(s * s for s in samples) / len(samples) / 32768.0**2
        self.energy += power * duration_s
        if power**0.5 >= SPEECH_LEVEL_MIN:
            self.speech_s += duration_s
            self.silence_s = 0.0
        else:
            self.silence_s += duration_s

    def turn_ended(self) -> bool:
        return self.speech_s >= SPEECH_S_MIN and self.silence_s >= TURN_END_S


class Microphone:
    """Plays the question once when asked, and silence at all other times, in real time."""

    def __init__(self, question: bytes, rate_hz: int) -> None:
        self.question = question
        self.rate_hz = rate_hz
        self.source = rtc.AudioSource(rate_hz, 1, queue_size_ms=200)
        self.asked = asyncio.Event()
        self.finished = asyncio.Event()

    async def run(self) -> None:
        samples = self.rate_hz * FRAME_MS // 1000
        silence = bytes(2 * samples)
        at = 0
        while True:
            data = silence
            if self.asked.is_set() and at < len(self.question):
                data = self.question[at : at + 2 * samples].ljust(2 * samples, b"\0")
                at += 2 * samples
            elif self.asked.is_set():
                self.finished.set()
            # Waits while the queue is full, which keeps the pace of real time.
            await self.source.capture_frame(rtc.AudioFrame(data, self.rate_hz, 1, samples))


class Captions:
    """Everything transcribed, in order of its segments; a newer stream replaces its segment's text."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.segments: dict[tuple[str, str], dict[str, object]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        room.register_text_stream_handler(TOPIC_TRANSCRIPTION, self.on_stream)

    def on_stream(self, reader: rtc.TextStreamReader, sender: str) -> None:
        task = asyncio.get_running_loop().create_task(self.read(reader, sender))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def read(self, reader: rtc.TextStreamReader, sender: str) -> None:
        attributes = reader.info.attributes or {}
        speaker = "caller" if sender == self.room.local_participant.identity else "agent"
        segment = attributes.get("lk.segment_id", reader.info.stream_id)
        text = ""
        async for chunk in reader:
            text += chunk
            self.segments[(speaker, segment)] = {"speaker": speaker, "text": text.strip()}

    def spoken(self) -> list[dict[str, object]]:
        return list(self.segments.values())


def read_wav(path: str) -> tuple[bytes, int]:
    with wave.open(path, "rb") as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            raise Failed(f"{path} is not mono 16-bit PCM; convert it first")
        return file.readframes(file.getnframes()), file.getframerate()


async def until(what: str, seconds: float, holds) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not holds():
        if asyncio.get_running_loop().time() > end:
            raise Failed(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(0.02)


async def call(args: argparse.Namespace) -> dict[str, object]:
    question, rate_hz = read_wav(args.wav)
    room, ear = rtc.Room(), AgentEar()
    captions = Captions(room)
    listening: list[asyncio.Task[None]] = []

    async def listen(track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track):
            ear.hear(event.frame)

    def agents() -> list[rtc.RemoteParticipant]:
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return [p for p in room.remote_participants.values() if p.kind == kind]

    @room.on("track_subscribed")
    def _(track: rtc.Track, _publication: object, participant: rtc.RemoteParticipant) -> None:
        is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        if is_agent and track.kind == rtc.TrackKind.KIND_AUDIO:
            listening.append(asyncio.get_running_loop().create_task(listen(track)))

    await asyncio.wait_for(room.connect(args.url, args.token), args.join_seconds)
    microphone = Microphone(question, rate_hz)
    speaking = asyncio.create_task(microphone.run())
    try:
        track = rtc.LocalAudioTrack.create_audio_track("microphone", microphone.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await room.local_participant.publish_track(track, options)
        await until("agent in the room", args.join_seconds, agents)
        await until("agent's audio track", args.join_seconds, lambda: listening)
        await until("agent's welcome", args.answer_seconds, ear.turn_ended)
        welcome_energy = ear.energy

        ear.start_turn()
        microphone.asked.set()
        await asyncio.wait_for(microphone.finished.wait(), len(question) / 2 / rate_hz + 10)
        # What the agent says over the question is no answer to it.
        ear.start_turn()
        await until("agent's answer", args.answer_seconds, ear.turn_ended)
        identity = agents()[0].identity if agents() else None
        return {
            "agent_identity": identity,
            "welcome_energy": round(welcome_energy, 6),
            "answer_energy": round(ear.energy, 6),
            "captions": captions.spoken(),
        }
    except Failed as failure:
        raise Failed(f"{failure}; captions so far: {captions.spoken()}") from None
    finally:
        for task in [speaking, *listening]:
            task.cancel()
        await room.disconnect()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--url", required=True, help="LiveKit server, ws://…")
    arguments.add_argument("--token", required=True, help="access token that lets us join the room")
    arguments.add_argument("--wav", required=True, help="the question: mono 16-bit PCM, any rate")
    arguments.add_argument("--join-seconds", type=float, default=30)
    arguments.add_argument("--answer-seconds", type=float, default=60)
    args = arguments.parse_args()
    try:
        print(json.dumps(asyncio.run(call(args)), ensure_ascii=False))
    except (Failed, OSError, wave.Error, rtc.ConnectError, asyncio.TimeoutError) as error:
        print(f"official client: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
