// A running `sawt dev` and a spoken question for the tests that call the real agent.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stop } from './page_rig.mjs';
import { microphoneWav, readWav } from './wav.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The program under test. */
export const SAWT = process.env.SAWT_BIN ?? join(ROOT, 'target/release/sawt');

// Loading the models of three engines on two busy cores takes a while.
const START_MS_MAX = 240_000;
// The microphone is heard from the moment the page opens it: the question waits for the welcome to end.
const LEAD_SECONDS = Number(process.env.SAWT_QUESTION_LEAD_S ?? 12);

/** The page's address: of `SAWT_URL`, or of a `sawt dev` started here on a free port. */
export async function startSawt() {
  if (process.env.SAWT_URL) return { url: process.env.SAWT_URL, close: async () => {} };
  const child = spawn(SAWT, ['dev', '--http-port', '0'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const url = await new Promise((go, fail) => {
    const give_up = setTimeout(() => fail(new Error(`sawt dev printed no address in time:\n${log}`)), START_MS_MAX);
    const read = (chunk) => {
      log = (log + chunk).slice(-20_000);
      const address = /Open (http:\/\/\S+)/.exec(log);
      if (!address) return;
      clearTimeout(give_up);
      go(address[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read); // keep reading: a full pipe would stop it
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`sawt dev ended with ${code}:\n${log}`)));
  }).catch(async (error) => {
    await stop(child);
    throw error;
  });
  return { url, log: () => log, close: () => stop(child, 20_000) };
}

/** A microphone file that asks: `SAWT_QUESTION_WAV` as it is, or `text` spoken by `sawt say`. */
export async function questionWav(text) {
  if (process.env.SAWT_QUESTION_WAV) return { path: process.env.SAWT_QUESTION_WAV, close: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'sawt-question-'));
  const spoken = join(folder, 'spoken.wav');
  await promisify(execFile)(SAWT, ['say', text, '-o', spoken], { cwd: ROOT, timeout: START_MS_MAX });
  const path = join(folder, 'microphone.wav');
  await writeFile(path, microphoneWav(readWav(await readFile(spoken)), { leadSeconds: LEAD_SECONDS }));
  return { path, close: () => rm(folder, { recursive: true, force: true }) };
}
