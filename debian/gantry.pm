# SPDX-License-Identifier: Apache-2.0
# "dh $@ --with gantry": dh_gantry before the packages' dependencies are written.
use warnings;
use strict;
use Debian::Debhelper::Dh_Lib;

insert_before('dh_gencontrol', 'dh_gantry');

1;
