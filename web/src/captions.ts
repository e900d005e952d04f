// Who said what, merged from LiveKit's transcription streams. Pure: knows no room and no page.
//
// Each stream belongs to a segment (`lk.segment_id`). The caller's speech comes as one whole stream
// for every partial transcript, all with the same segment: the newest replaces the one before. The
// agent's speech comes as one stream per segment whose words are appended as they are spoken; when
// it was cut in the middle of a word, a second stream says what was heard. All of this follows from
// one rule: chunks append within a stream, and a newer stream takes over its segment.

export type Speaker = 'caller' | 'agent';

/** One line of the conversation. */
export interface Line {
  key: string;
  speaker: Speaker;
  how: 'spoken' | 'typed';
  text: string;
  /** A final line will not change any more. */
  final: boolean;
}

/** A stream as it opens. */
export interface StreamOpened {
  id: string;
  segment: string;
  speaker: Speaker;
}

/** Where lines are shown. */
export interface LineView {
  show(line: Readonly<Line>): void;
  remove(key: string): void;
}

interface Stream {
  order: number;
  key: string;
  speaker: Speaker;
  text: string;
}

// A call of an hour stays well below; a longer one loses its oldest lines from the page.
const LINES_MAX = 500;

export class Captions {
  private readonly lines = new Map<string, Line>();
  private readonly streams = new Map<string, Stream>();
  /** The newest stream of each line: an older one that is still arriving has lost its say. */
  private readonly newest = new Map<string, number>();
  private order = 0;

  constructor(private readonly view: LineView) {}

  open(opened: StreamOpened): void {
    const key = `${opened.speaker}:${opened.segment}`;
    // A partial that overtakes its final on the way must not undo it, so streams of a finished
    // segment are not even followed.
    if (this.lines.get(key)?.final) return;
    this.order += 1;
    this.streams.set(opened.id, { order: this.order, key, speaker: opened.speaker, text: '' });
    this.newest.set(key, this.order);
  }

  append(streamId: string, chunk: string): void {
    const stream = this.current(streamId);
    if (!stream || chunk === '') return;
    // The line changes with the first words of a new stream, not when it opens: no blank flicker.
    stream.text += chunk;
    this.put({ ...this.head(stream), text: stream.text, final: false });
  }

  close(streamId: string, final: boolean): void {
    const stream = this.current(streamId);
    this.streams.delete(streamId);
    if (!stream) return;
    if (stream.text.trim() === '') {
      // A final without words takes back what the partials seemed to hear.
      if (final) this.remove(stream.key);
      return;
    }
    if (final) this.put({ ...this.head(stream), text: stream.text, final: true });
  }

  /** A line that somebody typed. */
  typed(id: string, speaker: Speaker, text: string): void {
    this.put({ key: `typed:${id}`, speaker, how: 'typed', text, final: true });
  }

  clear(): void {
    for (const key of [...this.lines.keys()]) this.remove(key);
    this.streams.clear();
    this.newest.clear();
  }

  /** The stream, while it is the newest of a line that is not final. */
  private current(streamId: string): Stream | undefined {
    const stream = this.streams.get(streamId);
    if (!stream || this.newest.get(stream.key) !== stream.order) return undefined;
    return this.lines.get(stream.key)?.final ? undefined : stream;
  }

  private head(stream: Stream): Pick<Line, 'key' | 'speaker' | 'how'> {
    return { key: stream.key, speaker: stream.speaker, how: 'spoken' };
  }

  private put(line: Line): void {
    this.lines.set(line.key, line);
    this.view.show(line);
    if (this.lines.size > LINES_MAX) {
      const oldest = this.lines.keys().next();
      if (!oldest.done) this.remove(oldest.value);
    }
  }

  private remove(key: string): void {
    this.newest.delete(key);
    if (this.lines.delete(key)) this.view.remove(key);
  }
}
