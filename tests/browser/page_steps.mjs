// Steps that the tests of the page share: open it, take its picture, wait for a panel, be in a room.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromiumPath, openBrowser } from './chromium.mjs';
import { livekitPath, servePage, startLivekit, startMockAgent } from './page_rig.mjs';
import { microphoneWav, voiceLike } from './wav.mjs';

const PICTURES = process.env.SAWT_PICTURES ?? (await mkdtemp(join(tmpdir(), 'sawt-pictures-')));
await mkdir(PICTURES, { recursive: true });

export const noChromium = chromiumPath() ? false : 'no Chromium: apt-get install chromium, or set SAWT_CHROMIUM';
export const noRoom =
  noChromium ||
  (!livekitPath() && 'no livekit-server: set SAWT_LIVEKIT_SERVER') ||
  (!process.env.SAWT_PYTHON && 'set SAWT_PYTHON to a Python that has the package livekit');

export const refused = (status, body) => () => ({ status, body });
export const picture = (page, name) => page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
export const panel = (page, kind, ms = 10_000) =>
  page.waitForSelector(`[data-problem="${kind}"]`, { timeout: ms });

/**
 * Opens the page over stand-in answers, runs the steps, and closes everything whatever happens. Every
 * test that uses this also proves that nothing left this machine.
 */
export async function onPage(answers, options, steps) {
  const server = await servePage(answers, options);
  const browser = await openBrowser(options);
  try {
    await browser.page.goto(new URL(options.path ?? '/', server.url).href);
    await steps(browser.page, browser.seen, server);
    assert.deepEqual([...browser.seen.hosts], ['127.0.0.1'], 'the page asked another machine');
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Lets the page's own clock run ahead by seconds, in steps in which the room's keep-alives still come. */
export async function hurry(page, seconds) {
  for (let passed = 0; passed < seconds; passed += 1) {
    await page.clock.runFor(1_000);
    await new Promise((go) => setTimeout(go, 50));
  }
}

/** A livekit-server with rooms for the page, and a microphone that says something every three seconds. */
export async function startRooms() {
  const livekit = await startLivekit();
  const folder = await mkdtemp(join(tmpdir(), 'sawt-page-'));
  // Said again and again: the mock agent listens only while it waits for an answer.
  const sound = voiceLike({ seconds: 60, everySeconds: 3, burstSeconds: 1.2 });
  const wav = join(folder, 'caller.wav');
  await writeFile(wav, microphoneWav(sound, { leadSeconds: 1 }));
  return {
    livekit,
    /** Options for `onPage`. */
    options: (more = {}) => ({
      connectTo: `${livekit.url} ${livekit.url.replace('ws', 'http')}`,
      microphoneWav: wav,
      ...more,
    }),
    /** A server that lets everybody into one room; `dispatch` answers the page's call for an agent. */
    answers: (room, dispatch, identity = 'caller') => ({
      token: () => ({
        status: 201,
        body: {
          server_url: livekit.url,
          participant_token: livekit.token(room, identity),
          room_name: room,
        },
      }),
      dispatch,
    }),
    async close() {
      await livekit.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An agent that comes when the page asks for one. */
export function agentOnCall(rooms) {
  let joined;
  return {
    async dispatch(body) {
      joined = startMockAgent(rooms.livekit, body.room_name);
      await joined;
      return { status: 201, body: {} };
    },
    close: async () => (await joined)?.close(),
  };
}
