# Runs one server for a test: supervise.sh FOLDER LOG SIGNAL COMMAND...
#
# Reads one command per line from stdin. "start" starts the server and prints its process id. The name of a signal stops
# the server with this signal and prints "stopped". When stdin is closed, for example because the test process has
# ended, the script stops the server with SIGNAL and deletes FOLDER.
folder=$1 log=$2 last=$3
shift 3
server=

# The signals are caught, not ignored, because the server would inherit ignored signals. A caught signal ends the loop
# below.
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
# Another program that the test started may still be writing to the folder, so retry.
for attempt in 1 2 3 4 5; do
  rm -rf "$folder" 2>/dev/null && break
  sleep 1
done
