"""llama.cpp's own server out of the `xllamacpp` wheel, as the peer of `benches/peers/llm`.

    xllamacpp_server.py MODEL.gguf THREADS SLOTS CONTEXT_TOKENS

Prints one line of JSON with its address, and ends when standard input closes. As its users set it up for chat on a
processor: a slot for each caller, prompt cache on, continuous batching, the model's own template.
"""

import json
import sys

import xllamacpp

model, threads, slots, context = sys.argv[1], *map(int, sys.argv[2:5])
params = xllamacpp.CommonParams()
params.model.path = model
params.n_parallel = slots
params.n_ctx = context * slots
params.cpuparams.n_threads = threads
params.cpuparams_batch.n_threads = threads
params.sampling.temp = 0.0
params.cache_prompt = True
params.cont_batching = True
params.use_jinja = True
params.warmup = True
params.hostnames = ["127.0.0.1"]
params.port = 0
params.offline = True
server = xllamacpp.Server(params)
print(json.dumps({"address": server.listening_address}), flush=True)
sys.stdin.read()
