// Text into and out of the room: transcripts on `lk.transcription`, typed words on `lk.chat`.
// The only file that knows LiveKit's text topics and their attributes.

import type { Room, TextStreamReader } from 'livekit-client';
import type { Captions, Speaker } from './captions';

const TOPIC_TRANSCRIPTION = 'lk.transcription';
const TOPIC_CHAT = 'lk.chat';

const ATTRIBUTE_SEGMENT = 'lk.segment_id';
const ATTRIBUTE_FINAL = 'lk.transcription_final';
const ATTRIBUTE_TRACK = 'lk.transcribed_track_id';

/** Shows everything said or written in the room. Call it before connecting, or early words are lost. */
export function followText(room: Room, captions: Captions): void {
  room.registerTextStreamHandler(TOPIC_TRANSCRIPTION, (reader, sender) => {
    void followTranscript(reader, speakerOf(room, reader, sender.identity), captions);
  });
  room.registerTextStreamHandler(TOPIC_CHAT, (reader, sender) => {
    if (sender.identity === room.localParticipant.identity) return; // shown when it was sent
    void reader
      .readAll()
      .then((text) => captions.typed(reader.info.id, 'agent', text))
      .catch(() => undefined); // the sender went away in mid-sentence: nothing to show
  });
}

/** Sends what the caller typed, and shows it once it is on its way. Rejects when it cannot be sent. */
export async function sendTyped(room: Room, captions: Captions, text: string): Promise<void> {
  const sent = await room.localParticipant.sendText(text, { topic: TOPIC_CHAT });
  captions.typed(sent.id, 'caller', text);
}

async function followTranscript(
  reader: TextStreamReader,
  speaker: Speaker,
  captions: Captions,
): Promise<void> {
  const { id } = reader.info;
  captions.open({ id, speaker, segment: reader.info.attributes?.[ATTRIBUTE_SEGMENT] ?? id });
  try {
    for await (const chunk of reader) captions.append(id, chunk);
  } catch {
    // The sender left in mid-stream. What it said so far stays, marked as not final.
    captions.close(id, false);
    return;
  }
  // Closing may add attributes: an agent's stream opens as not final and becomes final at its end.
  captions.close(id, reader.info.attributes?.[ATTRIBUTE_FINAL] === 'true');
}

/** A transcript is the caller's when it was sent in the caller's name or made from the caller's track. */
function speakerOf(room: Room, reader: TextStreamReader, sender: string): Speaker {
  const track = reader.info.attributes?.[ATTRIBUTE_TRACK];
  const mine = track !== undefined && room.localParticipant.trackPublications.has(track);
  return mine || sender === room.localParticipant.identity ? 'caller' : 'agent';
}
