# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += gateway/cli/reconcile.c gateway/cli/reconcile.h
gantry_SOURCES += gateway/cli/reconcile-apply.c gateway/cli/reconcile-ask.c
gantry_SOURCES += gateway/cli/reconcile-html.c gateway/cli/reconcile-plan.c
gantry_SOURCES += gateway/cli/reconcile-report.c
dist_man1_MANS += gateway/cli/gantry-reconcile.1
