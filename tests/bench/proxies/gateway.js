// SPDX-License-Identifier: Apache-2.0
// express-gateway with its jwt policy; what it is told stands in EG_CONFIG_DIR.
'use strict'
require('express-gateway')().load(process.env.EG_CONFIG_DIR).run()
