// Debian's Chromium with a fake microphone, watched: every request, console error and page error is
// kept, so that a test can say that nothing left this machine and nothing went wrong silently.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The page's own package holds the driver, so that there is one lock file for all of JavaScript.
const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where Chromium is, or undefined. `SAWT_CHROMIUM` names one elsewhere. */
export function chromiumPath() {
  return process.env.SAWT_CHROMIUM ?? EXECUTABLES.find((path) => existsSync(path));
}

/**
 * Opens a browser with a profile of its own.
 * - `microphoneWav`: what the microphone hears, once (48 kHz mono PCM16); none: Chromium's beeps.
 * - `microphone`: 'granted', 'refused' by the user, or 'missing'.
 */
export async function openBrowser({ microphoneWav, microphone = 'granted', viewport = { width: 900, height: 960 } } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'sawt-chromium-'));
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--hide-scrollbars', // as on phones; in pictures of right-to-left pages they would cover an edge
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
    // livekit-server of `sawt dev` offers media on the loopback address only.
    '--allow-loopback-in-peer-connection',
  ];
  if (microphone !== 'missing') args.push('--use-fake-device-for-media-stream');
  // Without this flag and without a permission, headless Chromium refuses: the user's "Block".
  if (microphone === 'granted') args.push('--use-fake-ui-for-media-stream');
  if (microphoneWav) args.push(`--use-file-for-fake-audio-capture=${microphoneWav}%noloop`);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    headless: false, // headless is asked for above: Playwright's own mode is another, older one
    args,
    viewport,
    locale: 'en-GB',
    ...(microphone === 'missing' ? { permissions: ['microphone'] } : {}),
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const seen = watch(page);
  await page.addInitScript(keepConnections);
  return {
    page,
    seen,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

function watch(page) {
  const seen = { hosts: new Set(), errors: [] };
  const note = (address) => {
    const url = new URL(address);
    // A data: or blob: address is no request to anybody.
    if (['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol)) seen.hosts.add(url.hostname);
  };
  page.on('request', (request) => note(request.url()));
  page.on('websocket', (socket) => note(socket.url()));
  page.on('pageerror', (error) => seen.errors.push(`page error: ${error.stack ?? error}`));
  page.on('console', (message) => {
    if (message.type() === 'error') seen.errors.push(`console: ${message.text()}`);
  });
  return seen;
}

/** Runs in the page before its scripts: keeps its connections, which alone know what was received. */
function keepConnections() {
  window.sawtTestConnections = [];
  window.sawtTestSockets = [];
  window.WebSocket = class extends window.WebSocket {
    constructor(...args) {
      super(...args);
      window.sawtTestSockets.push(this);
    }
  };
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...args) {
      super(...args);
      window.sawtTestConnections.push({ connection: this, configuration: args[0] });
    }
  };
}

/** Energy of the sound received so far over all tracks (0 = silence), from the browser's own statistics. */
export function receivedAudioEnergy(page) {
  return page.evaluate(async () => {
    let energy = 0;
    for (const { connection } of window.sawtTestConnections) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === 'inbound-rtp' && report.kind === 'audio') energy += report.totalAudioEnergy ?? 0;
      }
    }
    return energy;
  });
}

/** Hosts of the STUN and TURN servers that the page's connections were given. */
export async function iceServerHosts(page) {
  const urls = await page.evaluate(() =>
    window.sawtTestConnections.flatMap(({ connection, configuration }) =>
      [configuration, connection.getConfiguration()].flatMap((c) =>
        (c?.iceServers ?? []).flatMap((server) => server.urls),
      ),
    ),
  );
  return [...new Set(urls.map((url) => url.replace(/^(stuns?|turns?):/, '').replace(/[:?].*$/, '')))];
}

/** The captions as shown: `{speaker, how, final, text}` in order. */
export function captions(page) {
  return page.$$eval('#lines li', (items) =>
    items.map((item) => ({
      speaker: item.dataset.speaker,
      how: item.dataset.how,
      final: item.dataset.final === 'true',
      text: item.querySelector('p').textContent,
    })),
  );
}

/** Waits until `look` gives a truthy value; fails with the last captions and status when it does not. */
export async function until(page, what, ms, look) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) {
      const status = await page.textContent('#status');
      const panels = await page.$$eval('.problem h2', (all) => all.map((h) => h.textContent));
      throw new Error(
        `${what}: not seen in ${ms / 1000} s. Status: ${status}. Problems: ${JSON.stringify(panels)}. ` +
          `Captions: ${JSON.stringify(await captions(page))}`,
      );
    }
    await new Promise((go) => setTimeout(go, 100));
  }
}
