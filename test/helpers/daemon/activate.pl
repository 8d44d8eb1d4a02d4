# activate.pl SOCKET COMMAND...: what systemd does for a socket unit. Listens, and starts the command with the socket as
# its descriptor 3 (sd_listen_fds(3)) when somebody connects, again and again.
use strict;
use warnings;
use Socket;
use POSIX qw(dup2 _exit);

my ($path, @command) = @ARGV;
$^F = 3;    # descriptor 3 stays open on exec
umask 0;
socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_un($path)) or die "bind: $!";
listen($listener, 4096) or die "listen: $!";
$| = 1;
print "listening\n";
while (1) {
    my $ready = "";
    vec($ready, fileno($listener), 1) = 1;
    select($ready, undef, undef, undef) or next;
    my $pid = fork();
    if ($pid == 0) {
        dup2(fileno($listener), 3) == 3 or _exit(126);
        $ENV{LISTEN_PID} = $$;
        $ENV{LISTEN_FDS} = 1;
        exec(@command) or _exit(127);
    }
    waitpid($pid, 0);
    print "ended $?\n";
}
