/** The report's style sheet: light and dark by the reader's setting, and ink on white when printed. */
export const STYLE = `
:root{color-scheme:light dark;--page:#ffffff;--ink:#1b1f24;--soft:#5c6670;--line:#d9dee3;--fill:#f4f6f8;--accent:#1c6dd0;--good:#1d8348;--bad:#b03a2e;--warn:#9a6700}
@media (prefers-color-scheme:dark){:root{--page:#14181d;--ink:#e6e9ec;--soft:#9aa5b1;--line:#2f3740;--fill:#1c2229;--accent:#6aa9f7;--good:#5cc98b;--bad:#f1948a;--warn:#e3b341}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 28px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}h2{font-size:20px;margin:40px 0 12px}h3{font-size:17px;margin:32px 0 8px}h4{font-size:14px;margin:16px 0 4px}
.made{color:var(--soft);margin:0 0 24px}
.verdict{border-left:3px solid var(--accent);background:var(--fill);padding:12px 18px;border-radius:0 6px 6px 0}
.verdict p{margin:6px 0}
.verdict p:first-child{font-size:17px}
figure{margin:16px 0;max-width:860px}svg{width:100%;height:auto;display:block}figcaption,caption,small,.none{color:var(--soft);font-size:13px}
caption{text-align:left;padding:8px 0 4px}.confusion caption{white-space:nowrap}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}.label{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.axis text{fill:var(--soft)}.axis .title{fill:var(--ink)}.grid{stroke:var(--line);stroke-width:1}
.front{fill:none;stroke:var(--accent);stroke-width:1.5;stroke-dasharray:5 4}
.error{stroke:var(--soft);stroke-width:1;opacity:.75}
.mark{stroke:var(--page);stroke-width:1.5}.mark.best{fill:var(--accent)}.mark.other{fill:var(--soft)}.mark.teacher{fill:var(--ink)}
.bar{fill:var(--accent)}.bar-reference{fill:none;stroke:var(--ink);stroke-width:1.2}.value{fill:var(--soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-bottom:1px solid var(--line)}
thead th{border-bottom:2px solid var(--line);vertical-align:bottom}
small{display:block;font-weight:400;white-space:nowrap}
tr.reference{background:var(--fill)}
td ul{margin:0;padding-left:16px}.against{min-width:260px}
tbody th{font-weight:600}
.confusion td,.confusion th{padding:3px 6px;text-align:right;border:1px solid var(--line);font-size:12px;font-weight:400}
.confusion .right{background:color-mix(in srgb,var(--good) calc(var(--share)*70%),transparent)}
.confusion .wrong{background:color-mix(in srgb,var(--bad) calc(var(--share)*300%),transparent)}
.notes{padding-left:18px}.notes .warning::marker{color:var(--warn)}.notes .error::marker{color:var(--bad)}
.nodes{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.variant{border-top:1px solid var(--line)}
@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--soft:#444;--line:#bbb;--fill:#f2f2f2;--accent:#1c6dd0}main{padding:0;max-width:none}.scroll{overflow:visible}figure,tr{break-inside:avoid}h2,h3,h4{break-after:avoid}body{font-size:10pt}table{font-size:8.5pt}th,td{padding-right:8px}small,figcaption,caption,.none,.nodes{font-size:7.5pt}code{font-size:8pt}.against{min-width:0}small{white-space:normal}body{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`
