"""First token of sawt-llm and of llama.cpp's server, on the same conversations: the work behind `benches/peers/llm`.

Conversations share instructions of about a thousand tokens and grow turn by turn, as calls do. Both engines get the same
messages, whatever they answer: the history holds what sawt-llm said in a first pass that is not counted; with --own it holds what
each said itself, as in calls. They take turns, conversation by conversation, and only one works at a time. Needs grpcio-tools, which reads our contract.
"""

import argparse
import concurrent.futures
import http.client
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "engines/protocol/proto"
INSTRUCTIONS = "You answer calls for a bank. " + " ".join(["Answer in one short sentence, politely, and never invent a number."] * 68)
QUESTIONS = [
    "What are your opening hours?",
    "Can I change the address of my order?",
    "How long does a transfer to another bank take?",
    "What do I need to open an account?",
    "Is there a fee for a new card?",
    "Where is the nearest branch?",
    "Can I speak with somebody about a loan?",
    "I have lost my card. What should I do now?",
    "How do I change the limit of my card?",
    "Can my daughter have an account of her own?",
    "What happens when I pay too late?",
    "Thank you, that is all. Goodbye.",
]
REPLY_TOKENS = 24
SLOTS = 4
CONTEXT_TOKENS = 4096


def percentile(values, share):
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * share), 1) - 1]


def words_in_common(one, other):
    """How many words two texts begin with alike."""
    pairs = list(zip(one.split(), other.split()))
    return next((n for n, (a, b) in enumerate(pairs) if a != b), len(pairs))


def cpu_seconds(pid):
    fields = Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    lines = Path("/proc", str(pid), "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024 / 1e6


class Ours:
    name = "sawt-llm"

    def __init__(self, engine, model, threads, folder):
        import grpc

        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={folder}",
             f"--grpc_python_out={folder}", "sawt/engine/v1/engine.proto"],
            check=True,
        )  # fmt: skip
        sys.path.insert(0, folder)
        from sawt.engine.v1 import engine_pb2, engine_pb2_grpc

        self.pb = engine_pb2
        socket = Path(folder, "llm.sock")
        self.process = subprocess.Popen(
            [engine, "--model", model, "--threads", str(threads), "--slots", str(SLOTS), "--context-tokens",
             str(CONTEXT_TOKENS), "--socket", str(socket), "--lifeline"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # As the supervisor starts it.
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"},
        )  # fmt: skip
        until = time.monotonic() + 120
        while not socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"error: {engine} did not start; run it by hand with --model {model}")
            time.sleep(0.05)
        self.stub = engine_pb2_grpc.LanguageModelStub(grpc.insecure_channel(f"unix:{socket}", options=[("grpc.default_authority", "localhost")]))

    def answer(self, conversation, _slot, messages):
        roles = {"system": 0, "user": 1, "assistant": 2}
        request = self.pb.GenerateRequest(
            conversation=conversation,
            messages=[self.pb.ChatMessage(role=roles[role], content=text) for role, text in messages],
            max_tokens=REPLY_TOKENS,
        )
        start, first, text, prompt = time.monotonic(), None, "", 0
        for event in self.stub.Generate(request):
            if event.WhichOneof("event") == "text":
                first = first or time.monotonic() - start
                text += event.text
            else:
                prompt = event.done.prompt_tokens
        return first, text, prompt


class Peer:
    name = "xllamacpp"

    def __init__(self, _engine, model, threads, _folder):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "xllamacpp_server.py"), model, str(threads), str(SLOTS), str(CONTEXT_TOKENS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self.address = json.loads(line)["address"].removeprefix("http://")
                return
        sys.exit("error: xllamacpp did not start; run benches/peers/xllamacpp_server.py by hand")

    def answer(self, _conversation, slot, messages):
        body = json.dumps({
            "messages": [{"role": role, "content": text} for role, text in messages],
            "max_tokens": REPLY_TOKENS, "temperature": 0, "stream": True, "cache_prompt": True, "id_slot": slot,
            "stream_options": {"include_usage": True},
        })  # fmt: skip
        start, first, text, prompt = time.monotonic(), None, "", 0
        connection = http.client.HTTPConnection(self.address)
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        for line in connection.getresponse():
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            prompt = (event.get("usage") or {}).get("prompt_tokens", prompt)
            for choice in event["choices"]:
                if piece := choice["delta"].get("content"):
                    first = first or time.monotonic() - start
                    text += piece
        connection.close()
        return first, text, prompt


def converse(engine, name, caller, heard, seed, count):
    """One conversation; each turn's (seconds to the first token, text, prompt tokens)."""
    pauses = random.Random(f"{seed}-{caller}")
    messages, turns = [("system", INSTRUCTIONS)], []
    for n in range(count):
        messages.append(("user", QUESTIONS[(n + 3 * caller) % len(QUESTIONS)]))
        turns.append(engine.answer(name, caller, messages))
        messages.append(("assistant", heard[caller][n] if heard else turns[-1][1]))
        # A caller listens and thinks; shorter than in life, so that callers meet.
        time.sleep(pauses.uniform(0.2, 0.8))
    return turns


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=len(QUESTIONS), help="questions of a call")
    parser.add_argument("--own", action="store_true", help="each engine's history holds its own answers, as in calls")
    parser.add_argument("--json")
    args = parser.parse_args()
    print(f"load at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        engines = [kind(args.engine, args.model, args.threads, folder) for kind in (Ours, Peer)]
        try:
            measure(args, engines)
        finally:
            for engine in engines:
                engine.process.stdin.close()
                try:
                    engine.process.wait(10)
                except subprocess.TimeoutExpired:
                    engine.process.kill()


def measure(args, engines):
    # The first caller's alone: with others beside it, sums are made in another order and a word may differ.
    alone = converse(engines[0], "first-0", 0, None, 0, args.turns)
    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        others = pool.map(lambda c: converse(engines[0], f"first-{c}", c, None, 0, args.turns), range(1, SLOTS))
        heard = [[text for _, text, _ in turns] for turns in [alone, *others]]
    for caller in range(SLOTS):  # so that its slots have read the instructions too
        engines[1].answer("", caller, [("system", INSTRUCTIONS), ("user", QUESTIONS[0])])
    found = {}
    for n in range(args.rounds):
        for callers in (1, SLOTS):
            for engine in engines if n % 2 == 0 else engines[::-1]:
                before = cpu_seconds(engine.process.pid)
                with concurrent.futures.ThreadPoolExecutor(callers) as pool:
                    calls = [
                        pool.submit(converse, engine, f"{n}-{callers}-{c}", c, None if args.own else heard, n, args.turns)
                        for c in range(callers)
                    ]
                    made = [(c, call.result()) for c, call in enumerate(calls)]
                new = {"first": [], "later": [], "same": 0, "of": 0, "alike": [], "cpu": [], "prompts": []}
                own = found.setdefault((engine.name, callers), new)
                own["cpu"].append((cpu_seconds(engine.process.pid) - before) / (callers * args.turns))
                for caller, turns in made:
                    own["first"].append(turns[0][0] * 1000)
                    own["later"] += [turn[0] * 1000 for turn in turns[1:]]
                    own["same"] += sum(turn[1] == text for turn, text in zip(turns, heard[caller]))
                    own["of"] += len(turns)
                    own["alike"] += [words_in_common(turn[1], text) for turn, text in zip(turns, heard[caller])]
                    own["prompts"].append([turn[2] for turn in turns])
                p95 = percentile(own["later"], 0.95)
                print(f"round {n + 1}, {callers} callers, {engine.name}: p95 {p95:.0f} ms", flush=True)
    tokens = {name: [turn for call in own["prompts"] for turn in call] for (name, _), own in found.items()}
    spans = "; ".join(f"{name}: {min(counts)} to {max(counts)}" for name, counts in tokens.items())
    print(f"\n{Path(args.model).stem}, {args.threads} threads; tokens of a prompt, {spans}\n")
    print("| first token, ms | sawt-llm p50 / p95 | xllamacpp p50 / p95 | sooner at p50 / p95 |\n|---|---|---|---|")
    for callers in (1, SLOTS):
        ours, peer = found["sawt-llm", callers], found["xllamacpp", callers]
        for kind, label in (("first", "a call's first question"), ("later", "later questions")):
            cells = [[percentile(one[kind], share) for share in (0.5, 0.95)] for one in (ours, peer)]
            gain = [theirs / own for own, theirs in zip(*cells)]
            row = " | ".join(f"{a:.0f} / {b:.0f}" for a, b in cells)
            who = f"{callers} caller{'s' * (callers > 1)} at once, {label}"
            print(f"| {who} | {row} | {gain[0]:.1f}× / {gain[1]:.1f}× |")
        cost = [sum(one["cpu"]) / len(one["cpu"]) for one in (ours, peer)]
        gain = cost[1] / cost[0]
        print(f"| … CPU-s per answer of {REPLY_TOKENS} tokens | {cost[0]:.2f} | {cost[1]:.2f} | {gain:.1f}× cheaper |")
        print(f"| … same text as sawt-llm's in the first pass | {ours['same']} of {ours['of']} | {peer['same']} of {peer['of']} | |")
        alike = [percentile(one["alike"], 0.5) for one in (ours, peer)]
        print(f"| … words alike from the start, median | {alike[0]} | {alike[1]} | |")
    memory = [memory_mb(engine.process.pid) for engine in engines]
    print(f"| resident memory, MB | {memory[0]:.0f} | {memory[1]:.0f} | |")
    if args.json:
        rows = [{"engine": name, "callers": callers, **own} for (name, callers), own in found.items()]
        Path(args.json).write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
