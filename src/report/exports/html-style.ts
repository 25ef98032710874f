/** The page's look: system fonts, light and dark, printable. Colours of text keep a contrast of at least 4.5 : 1. */
export const pageStyle = `:root{color-scheme:light dark;--text:#1f2328;--quiet:#57606a;--page:#fff;--line:#d0d7de;--better:#0b6b3a;--worse:#a4330a;--unknown:#7a5b00}
@media (prefers-color-scheme:dark){:root{--text:#d4d4d4;--quiet:#a0a7ae;--page:#1e1e1e;--line:#42474d;--better:#4fc98a;--worse:#f39a6b;--unknown:#e0b84a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:2rem 1.25rem 4rem;font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--text);background:var(--page)}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.25rem 0 .75rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
header p,caption,.scroll+p{color:var(--quiet)}
p,li{max-width:48rem}
td.better{color:var(--better)}td.worse{color:var(--worse)}td.even{color:var(--quiet)}td.unknown{color:var(--unknown)}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.35rem}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;white-space:pre-line;overflow-wrap:break-word;min-width:4rem}
thead th{border-bottom-width:2px;vertical-align:bottom}
th.right,td.right{text-align:right;white-space:nowrap}thead th.right{white-space:normal}td.better,td.worse,td.even,td.unknown{min-width:13rem}
tbody th{font-weight:600;white-space:nowrap}
figure{margin:1.25rem 0}figure svg{max-width:100%;height:auto}
details{margin:.5rem 0}summary{cursor:pointer}
@media print{body{max-width:none;padding:0;font-size:11px}h2{break-after:avoid}figure,tr{break-inside:avoid}.scroll{overflow:visible}}`;
