"""Calls three agents in turns and compares what one caller hears: the work behind `benches/peers/agent`.

Starts a livekit-server, fixed replies for everybody, `sawt serve`, livekit-agents and Pipecat, all on loopback, each with
the same models. Then `sawt call` calls one after another with the same sound files; between calls they idle. Voice to
voice is taken by that caller from sound alone. Processor time is that of an agent's whole process tree over its call,
taken from /proc; the caller, livekit-server and the chat server of the peers belong to nobody. Python's standard library only.
"""

import argparse
import json
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import wave
from array import array
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUESTIONS = [
    "Hello, can you hear me?",
    "What is the capital of France?",
    "How many days are there in a week?",
    "Can you tell me which country Cairo is in?",
    "Thank you. What is two plus three?",
    "I would like to know the largest ocean on earth.",
    "Which language do people speak in Brazil?",
    "What colour is the sky on a clear day?",
    "Could you name one animal that can fly?",
    "What do I need to make a cup of tea?",
    "Is the sun bigger than the moon?",
    "Great, that is all. Goodbye.",
]
AGENTS = {"sawt": "Sawt", "livekit": "livekit-agents 1.8.9", "pipecat": "Pipecat 1.14.0"}
READY_MAX_S = 60
# Sooner than this after the caller began, nobody can have meant to answer: it is the answer before that goes on.
SPEAKS_ON_MS = 500


class Trouble(Exception):
    pass


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def percentile(values, share):
    """As `sawt call` has it: a value that occurred."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * share), 1) - 1] if ranked else None


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def tree(pid):
    """Each process below `pid`, itself first, with the processor seconds that it and its ended children took."""
    children, seconds = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry))
            seconds[int(entry)] = sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    found, todo = {}, [pid]
    while todo:
        one = todo.pop()
        if one in seconds:
            found[one] = seconds[one]
            todo += children.get(one, [])
    return found


def memory_mb(pids):
    """Resident memory, what is shared counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


class Processes:
    """What we started, ended again however we end."""

    def __init__(self, folder):
        self.folder, self.all = folder, []

    def start(self, name, command, env=None, stdin=subprocess.DEVNULL, stdout=None):
        log = open(self.folder / f"{name}.log", "w")
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **(env or {})},
            stdin=stdin,
            stdout=stdout or log,
            stderr=log,
            text=True,
            bufsize=1,
        )
        self.all.append((name, process))
        return process

    def wait_for(self, name, process, sign):
        log = self.folder / f"{name}.log"
        until = time.monotonic() + READY_MAX_S
        while time.monotonic() < until:
            if sign():
                return
            if process.poll() is not None:
                raise Trouble(f"{name} ended with {process.returncode}:\n" + log.read_text()[-3000:])
            time.sleep(0.1)
        raise Trouble(f"{name} was not ready within {READY_MAX_S} s:\n" + log.read_text()[-3000:])

    def logged(self, name, words):
        return lambda: words in (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self):
        for _, process in reversed(self.all):
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 5
        for _, process in reversed(self.all):
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def listening(port):
    def probe():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    return probe


# ── what is called, and what is said ─────────────────────────────────────────────────────────────────────────────────


class House:
    def __init__(self, args, folder):
        self.args, self.folder, self.processes = args, folder, Processes(folder)
        self.key, self.secret = "bench" + secrets.token_hex(4), secrets.token_hex(24)
        self.roots, self.pipecat = {}, None

    def start(self, agents):
        args, processes = self.args, self.processes
        port, udp, tcp = free_port(), free_port(socket.SOCK_DGRAM), free_port()
        self.url = f"ws://127.0.0.1:{port}"
        config = self.folder / "livekit.yaml"
        config.touch(0o600)
        # JSON is YAML.
        config.write_text(json.dumps({
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {self.key: self.secret},
            "logging": {"level": "warn"},
            "rtc": {
                "udp_port": udp, "tcp_port": tcp, "node_ip": "127.0.0.1", "enable_loopback_candidate": True,
                "use_external_ip": False, "stun_servers": ["127.0.0.1:3478"], "ips": {"includes": ["127.0.0.1/32"]},
            },
        }))
        server = processes.start("livekit-server", [args.livekit_server, "--config", config])
        processes.wait_for("livekit-server", server, listening(port))
        self.env = {
            "LIVEKIT_URL": self.url, "LIVEKIT_API_KEY": self.key, "LIVEKIT_API_SECRET": self.secret,
            "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(args.threads),
        }
        llm = free_port()
        chat = processes.start("chat", [sys.executable, HERE / "fixed_llm.py", llm, args.replies])
        processes.wait_for("chat", chat, listening(llm))
        llm = f"http://127.0.0.1:{llm}/v1"
        if "sawt" in agents:
            self.start_sawt()
        if "livekit" in agents:
            command = [args.livekit_python, HERE / "livekit_agent.py", free_port(), args.whisper, args.voice, llm, args.threads]
            agent = processes.start("livekit", command, self.env)
            processes.wait_for("livekit", agent, processes.logged("livekit", "registered"))
            self.roots["livekit"] = agent.pid
        if "pipecat" in agents:
            command = [args.pipecat_python, HERE / "pipecat_agent.py", args.whisper, args.voice, llm, args.threads]
            agent = processes.start("pipecat", command, self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if agent.stdout.readline().strip() != "ready":
                raise Trouble("pipecat did not start:\n" + (self.folder / "pipecat.log").read_text()[-3000:])
            self.pipecat, self.roots["pipecat"] = agent, agent.pid

    def start_sawt(self):
        """`sawt serve` with engines of its own, but for the language model: the fixed replies, under its name."""
        engines = self.folder / "engines"
        engines.mkdir()
        for program in ["sawt-stt-ct2", "sawt-stt", "sawt-tts"]:
            if (Path(self.args.bin) / program).exists():
                (engines / program).symlink_to(Path(self.args.bin).resolve() / program)
        (engines / "sawt-llm").symlink_to(Path(self.args.fixed_llm).resolve())
        shutil.copy(self.args.replies, engines / "sawt-llm.txt")
        command = [
            Path(self.args.bin) / "sawt", "serve",
            "--set", "http.port=0", "--set", "log.format=json", "--set", f"engines.dir={engines}",
            "--set", "livekit.agent_name=sawt", "--set", "agent.welcome=Hello, how can I help you?",
            # What is timed is the answer, and not a phrase that covers a late one.
            "--set", "agent.languages=en", "--set", "agent.filler_ms=0", *self.args.sawt,
        ]  # fmt: skip
        agent = self.processes.start("sawt", command, self.env)
        self.processes.wait_for("sawt", agent, self.processes.logged("sawt", "Ready for calls."))
        self.roots["sawt"] = agent.pid

    def call(self, agent, say):
        """One call; what the caller found and what the agent's processes took."""
        room = f"peers-{secrets.token_hex(4)}"
        name = {"sawt": "sawt", "livekit": "peer-livekit", "pipecat": ""}[agent]
        before = sum(tree(self.roots[agent]).values())
        if agent == "pipecat":
            self.pipecat.stdin.write(room + "\n")
            time.sleep(1.0)  # it joins by itself
        command = [
            self.args.caller or Path(self.args.bin) / "sawt", "call", "--json", "--url", self.url, "--api-key", self.key,
            "--api-secret", self.secret, "--room", room, "--agent-name", name, "--answer-gap-ms", "2000",
        ]  # fmt: skip
        for path in say:
            command += ["--say", path]
        start = time.monotonic()
        made = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        minutes = (time.monotonic() - start) / 60
        now = tree(self.roots[agent])
        memory = memory_mb(now)
        if not made.stdout.strip():
            raise Trouble(f"the call of {agent} failed: {made.stderr.strip()}")
        if agent == "pipecat" and self.pipecat.stdout.readline().strip() != "over":
            raise Trouble("pipecat ended:\n" + (self.folder / "pipecat.log").read_text()[-3000:])
        time.sleep(2.0)  # what a call leaves behind to be done is part of it
        seconds = sum(tree(self.roots[agent]).values()) - before
        return {
            "agent": agent, "minutes": minutes, "cpu_s": seconds, "memory_mb": memory,
            "turns": json.loads(made.stdout)["turns"],
        }


def questions(args, folder):
    """The sound files, spoken by our voice once, with the end of speech beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    said = []
    for n, text in enumerate(QUESTIONS):
        path = folder / f"{n + 1:02}.wav"
        if not path.exists():
            command = [Path(args.bin) / "sawt", "say", text, "--voice", "en_US-joe-medium", "--output", path]
            command += ["--set", f"engines.dir={Path(args.bin).absolute()}"]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with wave.open(str(path)) as sound:
            rate, pcm = sound.getframerate(), array("h", sound.readframes(sound.getnframes()))
        least = max(max(map(abs, pcm)) * 0.01, 1)
        end = next(i for i in range(len(pcm) - 1, -1, -1) if abs(pcm[i]) >= least) + 1
        path.with_suffix(".json").write_text(json.dumps({"speech_end_ms": end / rate * 1000}))
        said.append((path, end / rate * 1000))
    return said


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def judge(call, said):
    """Sorts the turns of a call: delays, cut-offs, answers that were the last answer's end, silences."""
    delays, cut, spoke_on, silent = [], 0, 0, 0
    for turn, (_, speech_ms) in zip(call["turns"], said):
        v2v = turn["v2v_ms"]
        if v2v is None:
            silent += 1
        elif v2v + speech_ms < SPEAKS_ON_MS:
            spoke_on += 1
        elif v2v < 0:
            cut += 1
        else:
            delays.append(v2v)
    return {"delays": delays, "cut": cut, "spoke_on": spoke_on, "silent": silent}


def table(calls, said):
    columns = {}
    for agent in AGENTS:
        own = [call for call in calls if call["agent"] == agent]
        if not own:
            continue
        judged = [judge(call, said) for call in own]
        delays = [ms for one in judged for ms in one["delays"]]
        minutes = sum(call["minutes"] for call in own)
        columns[agent] = {
            "calls": len(own),
            "turns": sum(len(call["turns"]) for call in own),
            "p50": percentile(delays, 0.5),
            "p95": percentile(delays, 0.95),
            "max": max(delays, default=None),
            "each": [percentile(one["delays"], 0.5) for one in judged],
            "answered": len(delays),
            "cut": sum(one["cut"] for one in judged),
            "spoke_on": sum(one["spoke_on"] for one in judged),
            "silent": sum(one["silent"] for one in judged),
            "cpu": sum(call["cpu_s"] for call in own) / minutes,
            "answer": percentile([t["answer_ms"] for call in own for t in call["turns"]], 0.5),
            "memory": max(call["memory_mb"] for call in own),
        }
    ms = lambda value: "–" if value is None else f"{value:.0f}"  # noqa: E731
    rows = [
        ("voice to voice p50, ms", lambda c: ms(c["p50"])),
        ("p95, ms", lambda c: ms(c["p95"])),
        ("max, ms", lambda c: ms(c["max"])),
        ("p50 of each call, ms", lambda c: " · ".join(map(ms, c["each"]))),
        ("turns answered after the caller had ended", lambda c: f"{c['answered']} of {c['turns']}"),
        ("false cut-offs", lambda c: str(c["cut"])),
        ("answers that ran into the next question", lambda c: str(c["spoke_on"])),
        ("no answer", lambda c: str(c["silent"])),
        ("median length of an answer, s", lambda c: f"{c['answer'] / 1000:.1f}"),
        ("CPU-s per call-minute, all processes", lambda c: f"{c['cpu']:.1f}"),
        ("resident memory, MB", lambda c: f"{c['memory']:.0f}"),
    ]
    lines = ["| | " + " | ".join(AGENTS[a] for a in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(show(c) for c in columns.values()) + " |" for name, show in rows]
    peers = [c for agent, c in columns.items() if agent != "sawt" and c["p50"]]
    if "sawt" in columns and peers and columns["sawt"]["p50"]:
        ours = columns["sawt"]
        share = {p: ours[p] / min(c[p] for c in peers) for p in ("p50", "p95")}
        lines += ["", f"Ours to the better peer: p50 {share['p50']:.2f}, p95 {share['p95']:.2f} (goal: 0.33 each)."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, help="calls to each, in turns")
    parser.add_argument("--turns", type=int, default=len(QUESTIONS), help="questions of a call")
    parser.add_argument("--agents", default=",".join(AGENTS), help="which, with commas between")
    parser.add_argument("--add", action="store_true", help="to the results that are there")
    parser.add_argument("--table", action="store_true", help="of the results that are there; no calls")
    parser.add_argument("--sawt", nargs="*", default=[], help="more arguments of `sawt serve`")
    parser.add_argument("--caller", help="a `sawt` to call with; default: the one that is called")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each peer's engines")
    parser.add_argument("--replies", default=HERE / "agent-replies.txt", help="file of fixed replies")
    for name in ["bin", "fixed-llm", "whisper", "voice", "livekit-server", "livekit-python", "pipecat-python", "folder"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    folder = Path(args.folder)
    said = questions(args, folder / "questions")[: args.turns]
    results = folder / "results.json"
    calls = json.loads(results.read_text()) if (args.add or args.table) and results.exists() else []
    if not args.table:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        agents = args.agents.split(",")
        house = House(args, run)
        print(f"load at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        try:
            house.start(agents)
            time.sleep(3)  # livekit-server gives no jobs to a worker that it has only just met
            for agent in agents:  # what only a first call pays is nobody's
                house.call(agent, [said[0][0]])
            for n in range(args.repetitions):
                # Nobody is always first.
                for agent in agents[n % len(agents) :] + agents[: n % len(agents)]:
                    call = house.call(agent, [path for path, _ in said])
                    calls.append(call)
                    results.write_text(json.dumps(calls))
                    one = judge(call, said)
                    print(
                        f"{agent}: p50 {percentile(one['delays'], 0.5) or 0:.0f} ms of {len(one['delays'])} answers, "
                        f"{one['cut']} cut off, {one['spoke_on']} spoke on, {one['silent']} silent, "
                        f"{call['cpu_s'] / call['minutes']:.1f} CPU-s per minute",
                        flush=True,
                    )
        finally:
            house.processes.stop()
    print(table(calls, said))


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"error: {trouble}")
