# shellcheck shell=bash
# Runs the steps of ./test one after another: each one's output goes to a file of its own, the end shows
# what each cost, what passed and what failed. Sourced, never run.

steps_logs="$CARGO_TARGET_DIR/limen-test"
mkdir -p "$steps_logs"
steps_passed=0
steps_failed=0
steps_lines=()
steps_notes=()

# Says something now and again at the end, so that it is not overlooked.
note() {
  say "!! $*"
  steps_notes+=("$*")
}

# Adds up what the test runners say in a log; a step without tests counts as one.
count() {
  python3 - "$1" "$2" <<'PY'
import re, sys

log, status = open(sys.argv[1], errors="replace").read(), int(sys.argv[2])
log = re.sub(r"\x1b\[[0-9;]*m", "", log)
passed = failed = 0
for line in log.splitlines():
    if re.match(r"\s*Summary \[", line):  # cargo nextest
        passed += sum(map(int, re.findall(r"(\d+) passed", line)))
        failed += sum(map(int, re.findall(r"(\d+) (?:failed|timed out|exec failed)", line)))
    elif line.startswith("test result:"):  # rustdoc
        passed += int(re.search(r"(\d+) passed", line)[1])
        failed += int(re.search(r"(\d+) failed", line)[1])
    elif re.match(r"\s*Tests\s+\d", line):  # vitest
        passed += sum(map(int, re.findall(r"(\d+) passed", line)))
        failed += sum(map(int, re.findall(r"(\d+) failed", line)))
if status == 0 and not passed:
    passed = 1
if status and not failed:
    failed = 1
print(passed, failed)
PY
}

# step NAME COMMAND…: runs it, keeps its output, goes on after a failure.
step() {
  local name=$1 log="$steps_logs/$1.log" begin=$SECONDS status=0 passed failed took
  shift
  printf '%s\n' "-- $name" >&2
  "$@" >"$log" 2>&1 </dev/null || status=$?
  took=$((SECONDS - begin))
  read -r passed failed < <(count "$log" "$status")
  steps_passed=$((steps_passed + passed))
  steps_failed=$((steps_failed + failed))
  if [ "$status" = 0 ]; then
    steps_lines+=("$(printf 'ok      %4ds  %-12s %s' "$took" "$name" "$passed passed")")
  else
    steps_lines+=("$(printf 'FAILED  %4ds  %-12s %s' "$took" "$name" "$passed passed, $failed failed; see $log")")
    say "$name failed (status $status). The end of $log:"
    grep -nE '^error|panicked at|FAIL|^failures:' "$log" | awk -F: '!seen[$2 $3 $4]++' | head -n 20 >&2
    say '   …'
    tail -n 60 "$log" >&2
  fi
  printf '%s\n' "${steps_lines[-1]}" >&2
  return 0
}

# The summary; its status is that of the whole run.
finish() {
  say
  say "What each step cost, with ${1:-this} ($((SECONDS / 60)) min $((SECONDS % 60)) s in all):"
  printf '  %s\n' "${steps_lines[@]}" >&2
  local text
  for text in "${steps_notes[@]}"; do say "  !! $text"; done
  say "Logs: $steps_logs"
  if [ "$steps_failed" -gt 0 ]; then
    echo "Something failed: see above."
  fi
  echo "$steps_passed passed, $steps_failed failed"
  [ "$steps_failed" = 0 ]
}
