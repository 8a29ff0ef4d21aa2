/* SPDX-License-Identifier: Apache-2.0 */
/* spec - gantry spec: what the configuration offers, as OpenAPI and AsyncAPI. */
#ifndef CLI_SPEC_H
#define CLI_SPEC_H

int spec_main(int argc, char **argv);

#endif
