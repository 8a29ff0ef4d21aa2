// SPDX-License-Identifier: Apache-2.0
// The theme that was chosen here before, set before anything is drawn.
(() => {
	let theme = "auto";
	try {
		theme = localStorage.getItem("gantry-theme") || "auto";
	} catch { /* storage is shut off: the system's theme will do */ }
	if (theme !== "auto")
		document.documentElement.dataset.theme = theme;
})();
