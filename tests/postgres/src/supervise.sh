# Runs one server for a test: supervise.sh FOLDER LOG SIGNAL COMMAND...
#
# Reads an order a line: "start", or the name of a signal to end the server with. Answers each with the server's process
# id, or "stopped". When its input ends, because its owner asked for it or is gone, it ends the server with SIGNAL and
# removes FOLDER.
folder=$1 log=$2 last=$3
shift 3
server=

# Caught and not ignored, as what is ignored here the server would ignore, too. A caught signal ends the reading below.
trap : HUP INT TERM PIPE

stop() {
  [ -n "$server" ] || return 0
  kill -s "$1" "$server" 2>/dev/null
  while kill -s 0 "$server" 2>/dev/null; do wait "$server"; done
  server=
}

while read -r order; do
  case $order in
    start)
      "$@" </dev/null >>"$log" 2>&1 &
      server=$!
      echo "$server"
      ;;
    *)
      stop "$order"
      echo stopped
      ;;
  esac
done

stop "$last"
# Somebody whom the owner started may still be writing there.
for attempt in 1 2 3 4 5; do
  rm -rf "$folder" 2>/dev/null && break
  sleep 1
done
