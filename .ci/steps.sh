# shellcheck shell=bash
# What .ci/run is made of: steps that run one command each, show its output where it failed, and count.
logs=$(mktemp -d)
trap 'stop_steps; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM

# `timeout` passes it on to all that it started
stop_steps() {
  local pids
  pids=$(jobs -p)
  # shellcheck disable=SC2086 # one word each
  [[ -z $pids ]] || kill $pids 2>/dev/null
}

# beside FUNCTION: runs it, steps and all, beside what follows; `wait` waits for it
beside() {
  (
    trap stop_steps EXIT
    trap 'exit 130' INT TERM
    "$@"
  ) &
}

# count PASSED FAILED: a line each, as those beside count, too
count() {
  echo "$1 $2" >>"$logs/counts"
}

# counted: so many passed and failed until now
counted() {
  local passed=0 failed=0 more_passed more_failed
  touch "$logs/counts"
  while read -r more_passed more_failed; do
    passed=$((passed + more_passed)) failed=$((failed + more_failed))
  done <"$logs/counts"
  echo "$passed $failed"
}

# finish: ends with the count as the last line, and with exit code 0 only where something passed and nothing failed
finish() {
  stop_steps
  wait
  local passed failed
  read -r passed failed <<<"$(counted)"
  cat "$logs/second-attempts" 2>/dev/null
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
  exit
}

# step NAME SECONDS COMMAND...: runs it, tells how it ended and how long it took, shows its output where it failed
step() {
  local name=$1 limit=$2 start=$SECONDS status=0 output
  shift 2
  output=$(mktemp "$logs/output.XXXXXX")
  timeout --kill-after=20 "$limit" "$@" >"$output" 2>&1 &
  wait $! || status=$?
  ((status == 124)) && echo "stopped after $limit s" >>"$output"
  if ((status == 0)); then
    echo "ok    $name ($((SECONDS - start)) s)"
  else
    echo "FAIL  $name ($((SECONDS - start)) s, exit code $status)"
    sed 's/^/      /' "$output" | tail -n 400
  fi
  return "$status"
}

# check_step: a step that counts as one test
check_step() {
  local status=0
  step "$@" || status=$?
  if ((status == 0)); then count 1 0; else count 0 1; fi
  return "$status"
}

# More files than this fail for a reason, not by bad luck.
most_retried=5

# jest_step NAME SECONDS ARGUMENTS...: `npm test` with these; counts every test in it, as Jest's own report has them. Files that fail
# are run once more, alone: what they say then counts, and where they pass then it is said so.
jest_step() {
  local name=$1 limit=$2 status=0 first=$logs/first.json second=$logs/second.json files=() passed failed
  shift 2
  rm -f "$first" "$second"
  step "$name" "$limit" npm test -- "$@" --json --outputFile="$first" || status=$?
  ((status == 0)) || mapfile -t files < <(node scripts/count-tests.js failed "$first")
  if ((${#files[@]} > 0 && ${#files[@]} <= most_retried)); then
    status=0
    step "$name, a second attempt of ${files[*]}" 300 npm test --ignore-scripts -- --testPathIgnorePatterns /node_modules/ \
      --runInBand --runTestsByPath "${files[@]}" --json --outputFile="$second" || status=$?
  fi
  read -r passed failed < <(node scripts/count-tests.js counts "$first" "$second")
  passed=${passed:-0} failed=${failed:-0}
  # no report, or a run that failed although no test did: global setup, teardown, a timeout
  ((status != 0 && failed == 0)) && failed=1
  ((status == 0 && passed == 0)) && failed=1
  node scripts/count-tests.js recovered "$first" "$second" | sed "s|^|!!!!  $name: passed only at the second attempt: |" |
    tee -a "$logs/second-attempts"
  echo "      $passed passed, $failed failed"
  count "$passed" "$failed"
}
