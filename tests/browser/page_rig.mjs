// What the page needs around it when there is no `sawt`: a server for web/dist and /api, and on
// request a livekit-server with a mock agent. For tests of the page alone; no part of the product.

import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { createServer as createSocket } from 'node:net';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../../web/dist', import.meta.url));
const MOCK_AGENT = fileURLToPath(new URL('./mock_agent.py', import.meta.url));

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const NOTHING_TO_AGREE_TO = { name: 'starter', title: 'Sawt, the starter', languages: ['en', 'ar'], choosable: true, consent: {} };

/**
 * Serves the built page under the same content policy as `sawt`, and /api by `answers`:
 * `{ about(query), token(body), dispatch(body) }`, each giving `{ status, body }`; without `about`, an
 * assistant that asks for no consent. `embedders`: origins that may show the page in a frame.
 */
export async function servePage(answers, { connectTo = '', embedders = "'none'" } = {}) {
  const asked = [];
  const policy =
    `default-src 'self'; connect-src 'self' ${connectTo}; media-src 'self' blob:; object-src 'none'; ` +
    `base-uri 'none'; form-action 'none'; frame-ancestors ${embedders}`;
  const about = answers.about ?? (() => ({ status: 200, body: NOTHING_TO_AGREE_TO }));
  const server = createServer(async (request, response) => {
    const { pathname: path, searchParams } = new URL(request.url, 'http://page');
    if (path === '/api/assistant') return answerJson(response, await about(Object.fromEntries(searchParams)));
    const api = { '/api/token': answers.token, '/api/dispatch-agent': answers.dispatch }[path];
    if (api) {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString());
      asked.push({ path, body });
      return answerJson(response, await api(body));
    }
    const page = path === '/' || path === '/callcenter/call-with-audio';
    const file = join(DIST, page ? 'index.html' : normalize(path));
    try {
      const content = await readFile(file);
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        'content-security-policy': policy,
        'permissions-policy': 'microphone=(self), camera=()',
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((go) => server.listen(0, '127.0.0.1', go));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    asked,
    close: () =>
      new Promise((go) => {
        server.closeAllConnections();
        server.close(go);
      }),
  };
}

function answerJson(response, { status, body }) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

/** A livekit-server on loopback only, with a key made for this run. */
export async function startLivekit() {
  const folder = await mkdtemp(join(tmpdir(), 'sawt-livekit-'));
  const [port, udp, tcp] = [await freePort(), await freePort(), await freePort()];
  const secret = randomBytes(24).toString('hex');
  const config = `port: ${port}
bind_addresses: ["127.0.0.1"]
keys: {devkey: ${secret}}
logging: {level: warn}
rtc: {udp_port: ${udp}, tcp_port: ${tcp}, node_ip: 127.0.0.1, enable_loopback_candidate: true,
      use_external_ip: false, stun_servers: ["127.0.0.1:3478"], ips: {includes: ["127.0.0.1/32"]}}
`;
  await writeFile(join(folder, 'livekit.yaml'), config);
  const start = async () => {
    const started = spawn(livekitPath(), ['--config', join(folder, 'livekit.yaml')], { stdio: 'ignore' });
    await untilListening(port);
    return started;
  };
  let child = await start();
  return {
    url: `ws://127.0.0.1:${port}`,
    token: (room, identity, kind) => token(secret, identity, joinGrant(room), kind),
    async deleteRoom(room) {
      const response = await fetch(`http://127.0.0.1:${port}/twirp/livekit.RoomService/DeleteRoom`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${token(secret, 'test', { roomCreate: true })}`,
        },
        body: JSON.stringify({ room }),
      });
      if (!response.ok) throw new Error(`DeleteRoom: ${response.status} ${await response.text()}`);
    },
    /** Ends the server and starts it anew at the same address. */
    async restart() {
      await stop(child);
      child = await start();
    },
    /** Makes it as silent as a cut cable, signal and media alike: nobody is told that it is gone. */
    silence: () => child.kill('SIGSTOP'),
    speak: () => child.kill('SIGCONT'),
    async close() {
      child.kill('SIGCONT'); // a silent one would not hear that it is to end
      await stop(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Where livekit-server is, or undefined. `SAWT_LIVEKIT_SERVER` names one elsewhere. */
export function livekitPath() {
  const go = join(homedir(), 'go/bin');
  const places = [join(go, 'livekit-server'), join(go, 'server'), '/usr/local/bin/livekit-server'];
  return process.env.SAWT_LIVEKIT_SERVER ?? places.find((path) => existsSync(path));
}

/** The mock agent; `SAWT_PYTHON` is a Python that has the PyPI package `livekit`. */
export async function startMockAgent(livekit, room) {
  const child = spawn(
    process.env.SAWT_PYTHON,
    [MOCK_AGENT, '--url', livekit.url, '--token', livekit.token(room, 'agent-mock', 'agent')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((go, fail) => {
    child.stdout.once('data', go);
    child.once('exit', (code) => fail(new Error(`mock agent ended with ${code}`)));
  });
  return { close: () => stop(child) };
}

/** Ends a child that this test started, and waits until it is gone. */
export async function stop(child, ms = 5_000) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((go) => child.once('exit', go));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  await gone;
  clearTimeout(timer);
}

/** A LiveKit access token (a JWT signed with HMAC-SHA256), good for ten minutes. */
function token(secret, identity, grant, kind) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'devkey',
    sub: identity,
    name: identity,
    nbf: now - 10,
    exp: now + 600,
    ...(kind ? { kind } : {}),
    video: grant,
  };
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

function joinGrant(room) {
  const may = { canPublish: true, canSubscribe: true, canPublishData: true, canUpdateOwnMetadata: true };
  return { roomJoin: true, room, ...may };
}

/** A port that was free a moment ago. */
export async function freePort() {
  const socket = createSocket();
  await new Promise((go) => socket.listen(0, '127.0.0.1', go));
  const { port } = socket.address();
  await new Promise((go) => socket.close(go));
  return port;
}

async function untilListening(port) {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((go) => setTimeout(go, 100));
    }
  }
  throw new Error(`livekit-server does not answer on port ${port}`);
}
