package cli

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitDenied      = 4
	exitConflict    = 5
	exitUnreachable = 6
	exitWaiting     = 7
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// exitCodes is the help topic that lists them.
const exitCodes = `Scripts can tell by the exit code how a command ended:

    0  done; for a sync that was watched: it succeeded
    1  failed: the sync failed, or the service refused or broke the request
    2  not understood: the command, its flags, its input or its connection settings
    3  not found: no such subscription
    4  not allowed: no token, or one without the permission
    5  in conflict: the id is taken, or the object has been changed by others
    6  not reached: the service or the token issuer does not answer, or is overloaded
    7  waiting: a person has to approve the request at the CA; the same command asks again
  130  interrupted
`
