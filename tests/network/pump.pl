# One host of the network: makes a device with an address, and passes packets between it and the
# test, each behind its length in two bytes. The device goes when this ends, which is with its input.
use strict;
use warnings;

my ($name, $address) = @ARGV;
open my $device, "+<", "/dev/net/tun" or die "no tun device: $!\n";
# TUNSETIFF: packets without anything in front of them.
ioctl $device, 0x400454ca, pack("a16 S x22", $name, 0x1001) or die "no device $name: $!\n";
system("ip link set lo up && ip address add $address dev $name && ip link set $name up") == 0
  or die "no address $address\n";
binmode $_ for $device, *STDIN, *STDOUT;
$| = 1;
print "\0";
defined(my $out = fork) or die "no second process: $!\n";
if (!$out) {
  while (sysread $device, my $packet, 65535) { print pack("n/a*", $packet) or last }
  exit;
}
while (read(STDIN, my $size, 2) == 2) {
  read STDIN, my $packet, unpack("n", $size);
  # A device that is down takes nothing.
  syswrite $device, $packet;
}
kill "KILL", $out;
