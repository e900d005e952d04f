import { describe, expect, it } from 'vitest';
import { Captions, type Line } from '../src/captions';

/** Plays a script of stream events and returns the lines as a caller reads them. */
function shown(script: (captions: Captions) => void): string[] {
  const lines = new Map<string, Line>();
  const captions = new Captions({
    show: (line) => lines.set(line.key, { ...line }),
    remove: (key) => lines.delete(key),
  });
  script(captions);
  return [...lines.values()].map(
    (line) => `${line.speaker}${line.how === 'typed' ? ' (typed)' : ''}: ${line.text}${line.final ? '' : ' …'}`,
  );
}

function caller(captions: Captions, id: string, segment: string, text: string, final: boolean): void {
  captions.open({ id, segment, speaker: 'caller' });
  captions.append(id, text);
  captions.close(id, final);
}

describe('captions', () => {
  it('replace a partial of the caller by the newest', () => {
    expect(
      shown((c) => {
        caller(c, 'a', 'SG_1', 'what is', false);
        caller(c, 'b', 'SG_1', 'what is the capital', false);
      }),
    ).toEqual(['caller: what is the capital …']);
  });

  it('keep the final when a late partial comes after it', () => {
    expect(
      shown((c) => {
        caller(c, 'a', 'SG_1', 'What is the capital of France?', true);
        caller(c, 'b', 'SG_1', 'what is the cap', false);
      }),
    ).toEqual(['caller: What is the capital of France?']);
  });

  it('append the agent’s chunks as they arrive', () => {
    const steps: string[][] = [];
    const line = (c: Captions) => {
      c.open({ id: 'a', segment: 'SG_2', speaker: 'agent' });
      c.append('a', 'The capital');
    };
    steps.push(shown(line));
    steps.push(
      shown((c) => {
        line(c);
        c.append('a', ' is Paris.');
        c.close('a', true);
      }),
    );
    expect(steps).toEqual([['agent: The capital …'], ['agent: The capital is Paris.']]);
  });

  it('take back a word of the agent that was cut', () => {
    const cut = (heard: string) =>
      shown((c) => {
        c.open({ id: 'a', segment: 'SG_2', speaker: 'agent' });
        c.append('a', 'الميناء');
        c.append('a', ' يفتح');
        c.append('a', ' في');
        c.close('a', false);
        c.open({ id: 'b', segment: 'SG_2', speaker: 'agent' });
        if (heard !== '') c.append('b', heard);
        c.close('b', true);
      });
    expect(cut('الميناء يفتح')).toEqual(['agent: الميناء يفتح']);
    expect(cut('')).toEqual([]);
  });

  it('do not blank a line while the next partial has no words yet', () => {
    expect(
      shown((c) => {
        caller(c, 'a', 'SG_1', 'hello', false);
        c.open({ id: 'b', segment: 'SG_1', speaker: 'caller' });
      }),
    ).toEqual(['caller: hello …']);
  });

  it('ignore chunks of a stream that a newer one replaced', () => {
    expect(
      shown((c) => {
        c.open({ id: 'a', segment: 'SG_1', speaker: 'caller' });
        c.open({ id: 'b', segment: 'SG_1', speaker: 'caller' });
        c.append('b', 'new words');
        c.append('a', 'old');
        c.close('a', true);
      }),
    ).toEqual(['caller: new words …']);
  });

  it('take a line back when its final has no words', () => {
    expect(
      shown((c) => {
        caller(c, 'a', 'SG_1', 'uh', false);
        caller(c, 'b', 'SG_1', '', true);
      }),
    ).toEqual([]);
  });

  it('keep caller and agent apart when their segments share a name', () => {
    expect(
      shown((c) => {
        caller(c, 'a', 'SG_1', 'hi', true);
        c.open({ id: 'b', segment: 'SG_1', speaker: 'agent' });
        c.append('b', 'Hello.');
      }),
    ).toEqual(['caller: hi', 'agent: Hello. …']);
  });

  it('leave an agent’s line unfinished when the agent goes away', () => {
    expect(
      shown((c) => {
        c.open({ id: 'a', segment: 'SG_1', speaker: 'agent' });
        c.append('a', 'The cap');
        c.close('a', false);
        c.append('a', 'ital');
      }),
    ).toEqual(['agent: The cap …']);
  });

  it('stand in the order in which they began', () => {
    expect(
      shown((c) => {
        c.open({ id: 'a', segment: 'SG_1', speaker: 'agent' });
        c.append('a', 'Welcome');
        caller(c, 'b', 'SG_2', 'مرحبا', true);
        c.append('a', '!');
        c.typed('t', 'caller', 'and typed');
      }),
    ).toEqual(['agent: Welcome! …', 'caller: مرحبا', 'caller (typed): and typed']);
  });

  it('forget streams of an earlier call', () => {
    expect(
      shown((c) => {
        c.open({ id: 'a', segment: 'SG_1', speaker: 'agent' });
        c.append('a', 'old call');
        c.clear();
        c.append('a', ' goes on');
      }),
    ).toEqual([]);
  });

  it('drop the oldest line of a very long call', () => {
    const lines = shown((c) => {
      for (let i = 0; i < 600; i += 1) c.typed(String(i), 'caller', String(i));
    });
    expect(lines).toHaveLength(500);
    expect(lines[0]).toBe('caller (typed): 100');
  });
});
