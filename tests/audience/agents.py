"""What programs call themselves. Each list is divided into the two halves, name by name, by `halves.part`."""

RECENT = [137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154]
OLDER = [103, 109, 116, 120, 124, 126, 130, 131, 134]
WINDOWS = "Windows NT 10.0; Win64; x64"
MAC = "Macintosh; Intel Mac OS X 10_15_7"
LINUX = "X11; Linux x86_64"
CHROMEBOOK = "X11; CrOS x86_64 14541.0.0"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IOS = ["16_7_10", "17_5_1", "17_7", "18_1_1", "18_3", "18_5", "18_6_2", "18_7"]
IPHONES = [f"iPhone; CPU iPhone OS {version} like Mac OS X" for version in IOS]
DEVICES = [
    "Android 13; SM-A536B Build/TP1A.220624.014", "Android 14; SM-S921B Build/UP1A.231005.007",
    "Android 15; SM-S938B Build/AP3A.240905.015", "Android 14; Pixel 7 Build/AP2A.240805.005",
    "Android 15; Pixel 9 Build/BP1A.250305.019", "Android 13; M2102J20SG Build/TKQ1.221013.002",
    "Android 12; CPH2211 Build/RKQ1.210503.001", "Android 14; moto g84 5G Build/U1TCS34.31",
    "Android 11; JSN-L21 Build/HONORJSN-L21", "Android 16; SM-A566B Build/BP2A.250605.031",
]


def chrome(system, version, tail=""):
    """Chrome and what is built on it, since names were shortened to the first number."""
    return f"Mozilla/5.0 ({system}) {BLINK} Chrome/{version}.0.0.0 Safari/537.36{tail}"


def desktop_browsers():
    """Browsers on desks and laps."""
    names = [chrome(system, version) for system in (WINDOWS, MAC, LINUX) for version in RECENT]
    names += [chrome(WINDOWS, version) for version in OLDER]
    names += [chrome(CHROMEBOOK, version) for version in RECENT[::4]]
    names += [chrome(WINDOWS, version, f" Edg/{version}.0.0.0") for version in RECENT]
    names += [chrome(MAC, version, f" Edg/{version}.0.0.0") for version in RECENT[::5]]
    names += [chrome(WINDOWS, version, f" OPR/{version - 15}.0.0.0") for version in RECENT[::4]]
    names += [chrome(WINDOWS, version, " Vivaldi/7.5.3735.66") for version in RECENT[::7]]
    for version in (115, 128, 136, 138, 140, 141, 142, 143, 144, 145, 146, 148, 150, 152, 154):
        names += [f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
                  for system in (WINDOWS, "Macintosh; Intel Mac OS X 10.15", LINUX, "X11; Ubuntu; Linux x86_64")]
    names += [f"Mozilla/5.0 ({MAC}) {WEBKIT} Version/{version} Safari/605.1.15"
              for version in ("16.6", "17.4.1", "17.6", "18.0", "18.1.1", "18.3", "18.4", "18.5", "18.6", "26.0", "26.1", "26.2")]
    names += ["Mozilla/5.0 (Windows NT 6.1; Win64; x64) " + BLINK + " Chrome/109.0.0.0 Safari/537.36",
              "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"]
    return names


def phone_browsers():
    """Browsers on phones and tablets."""
    names = [f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/{version}.0.0.0 Mobile Safari/537.36" for version in RECENT]
    names += [f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/{version}.0.0.0 Safari/537.36" for version in RECENT[::5]]
    names += [f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} SamsungBrowser/{own} Chrome/{version}.0.0.0 Mobile Safari/537.36"
              for own, version in (("25.0", 121), ("26.0", 122), ("27.0", 125), ("28.0", 130), ("29.0", 136))]
    for phone, system in zip(IPHONES, IOS):
        version = ".".join(system.split("_")[:2])
        names += [f"Mozilla/5.0 ({phone}) {WEBKIT} Version/{version} Mobile/15E148 Safari/604.1",
                  f"Mozilla/5.0 ({phone}) {WEBKIT} GSA/378.0.760279391 Mobile/15E148 Safari/604.1"]
    names += [f"Mozilla/5.0 ({IPHONES[5]}) {WEBKIT} Version/{version} Mobile/15E148 Safari/604.1" for version in ("26.0", "26.1", "26.2")]
    names += [f"Mozilla/5.0 ({IPHONES[6]}) {WEBKIT} CriOS/{version}.0.7204.156 Mobile/15E148 Safari/604.1" for version in RECENT[::4]]
    names += [f"Mozilla/5.0 ({IPHONES[5]}) {WEBKIT} FxiOS/{version}.0 Mobile/15E148 Safari/605.1.15" for version in (139, 143, 147)]
    names += [f"Mozilla/5.0 ({IPHONES[5]}) {WEBKIT} Version/18.0 EdgiOS/{version}.0.3351.83 Mobile/15E148 Safari/604.1" for version in (138, 145)]
    names += [f"Mozilla/5.0 (iPad; CPU OS {version} like Mac OS X) {WEBKIT} Version/{version.replace('_', '.')} Mobile/15E148 Safari/604.1" for version in ("17_6", "18_5")]
    names += [f"Mozilla/5.0 (Android 15; Mobile; rv:{version}.0) Gecko/{version}.0 Firefox/{version}.0" for version in (128, 140, 144, 150)]
    names += [f"Mozilla/5.0 (Linux; {DEVICES[4].split(' Build')[0]}) {BLINK} Version/4.0 Chrome/143.0.0.0 Mobile DuckDuckGo/5 Safari/537.36",
              f"Mozilla/5.0 (Linux; Android 12; KFTRWI) {BLINK} Silk/126.4.5 like Chrome/126.0.6478.188 Safari/537.36",
              f"Mozilla/5.0 (Linux; arm_64; Android 14; 23021RAA2Y) {BLINK} Chrome/138.0.7204.449 YaBrowser/25.8.4.449.00 SA/3 Mobile Safari/537.36",
              f"Mozilla/5.0 (Linux; U; Android 13; en-us; M2102J20SG) {BLINK} Version/4.0 Chrome/123.0.6312.118 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.35.0-gn",
              f"Mozilla/5.0 (Linux; Android 12; HarmonyOS; JAD-LX9) {BLINK} Chrome/114.0.5735.196 HuaweiBrowser/15.0.6.301 Mobile Safari/537.36"]
    return names


def views_in_apps():
    """The browser inside a mail program: Gmail's, Outlook's and others' views."""
    names = [f"Mozilla/5.0 (Linux; {device}; wv) {BLINK} Version/4.0 Chrome/{version}.0.{build}.{patch} Mobile Safari/537.36"
             for device, version, build, patch in zip(DEVICES, RECENT, range(7151, 7999, 31), range(44, 199, 11))]
    names += [f"Mozilla/5.0 ({phone}) {WEBKIT} Mobile/15E148" for phone in IPHONES]
    return names


def mail_programs():
    """What fetches pictures when a person looks at a mail in a program of their own."""
    names = [f"Mozilla/5.0 ({system}) Gecko/20100101 Thunderbird/{version}"
             for version in ("115.16.0", "128.5.2", "128.14.0", "140.1.0", "140.3.1", "143.0", "147.0.1", "151.0")
             for system in (f"{WINDOWS}; rv:{version.split('.')[0]}.0", f"{LINUX}; rv:{version.split('.')[0]}.0")]
    names += [f"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; .NET4.0E; Microsoft Outlook {version}; ms-office; MSOffice 16)"
              for version in ("16.0.14326", "16.0.16731", "16.0.17928", "16.0.18827", "16.0.19127")]
    names += [f"Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook {version}; Pro)" for version in ("16.0.10416", "16.0.14332", "16.0.17328", "16.0.18730")]
    names += [f"Mozilla/5.0 ({MAC}) {WEBKIT} MacOutlook/16.{minor}.{build} (Intelx64 Mac OS X 14.6)" for minor, build in ((89, 24090815), (99, 25071321), (102, 25101223))]
    names += [f"Mozilla/5.0 ({MAC}) {WEBKIT}", f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) {WEBKIT}"]
    names += [f"Mozilla/5.0 ({phone}) {WEBKIT} Mobile/15E148" for phone in IPHONES]
    names += [f"Mozilla/5.0 (Linux; {device}; wv) {BLINK} Version/4.0 Chrome/{version}.0.7204.179 Mobile Safari/537.36" for device, version in zip(DEVICES, RECENT)]
    names += [f"Mozilla/5.0 ({WINDOWS}) {BLINK} Chrome/126.0.0.0 Safari/537.36 eMClient/10.0", "Mozilla/5.0 (X11; Linux x86_64) " + WEBKIT + " Evolution/3.52.3",
              f"Mozilla/5.0 ({LINUX}) {BLINK} QtWebEngine/6.8.2 Chrome/122.0.0.0 Safari/537.36 KMail", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 6.2; Lotus-Notes/6.0; Windows-NT)"]
    return names


# Mail programs that name a library, as scripts do.
BARE_MAIL_PROGRAMS = [
    "Dalvik/2.1.0 (Linux; U; Android 14; SM-S918B Build/UP1A.231005.007)", "Dalvik/2.1.0 (Linux; U; Android 12; CPH2211 Build/RKQ1.210503.001)",
    "okhttp/4.12.0", "okhttp/4.9.3", "Mail/3774.600.62 CFNetwork/1568.200.51 Darwin/24.1.0", "Spark/3.22 CFNetwork/1496.0.7 Darwin/23.5.0",
    "Airmail/5.7 CFNetwork/1498.700.2 Darwin/23.6.0", "dataaccessd/1.0",
]
THIN_PROXY_BROWSERS = [
    "Opera/9.80 (Android; Opera Mini/82.0.2254/191.303; U; en) Presto/2.12.423 Version/12.16",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80/191.256; U; en) Presto/2.12.423 Version/12.16",
    "Opera/9.80 (Android; Opera Mini/66.1.2254/191.303; U; id) Presto/2.12.423 Version/12.16",
    "Mozilla/5.0 (Linux; U; Android 11; en-US; RMX2185) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.127 UCBrowser/13.4.2.1307 Mobile Safari/537.36",
]
GOOGLE_PROXY = ["Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"]
GOOGLE_AHEAD = ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"]
YAHOO_PROXY = ["YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"]
APPLE_PROXY = ["Mozilla/5.0"]
CURL = ["curl/8.5.0", "curl/7.88.1", "curl/8.14.1", "Wget/1.21.4", "HTTPie/3.2.4", "curl/7.81.0"]
TEXT_BROWSERS = ["Lynx/2.9.0dev.10 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8", "w3m/0.5.3+git20230121", "ELinks/0.16.1.1 (textmode; Linux 6.1.0-18-amd64 x86_64; 160x47-2)", "Links (2.29; Linux 6.6.8 x86_64; GNU C 13.2; text)"]

# Scanners that wear a browser's name: versions as they were seen, and newer ones.
BORROWED = [
    "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/57.0.2987.133 Safari/537.36",
    *[f"Mozilla/5.0 ({WINDOWS}) {BLINK} Chrome/{version} Safari/537.36" for version in (
        "79.0.3945.136", "80.0.3987.132", "91.0.4472.124", "96.0.4664.110", "97.0.4692.99", "101.0.4951.54", "103.0.5060.53", "117.0.5938.132")],
    *[chrome(WINDOWS, version) for version in (109, 119, 120, 125, 132, 140, 144, 147, 151)],
    *[chrome(MAC, version) for version in (121, 136, 146)], *[chrome(LINUX, version) for version in (118, 133, 145)],
    f"Mozilla/5.0 ({WINDOWS}; rv:109.0) Gecko/20100101 Firefox/115.0", f"Mozilla/5.0 ({WINDOWS}; rv:78.0) Gecko/20100101 Firefox/78.0",
    f"Mozilla/5.0 ({MAC}) {WEBKIT} Version/17.1 Safari/605.1.15", f"Mozilla/5.0 ({WINDOWS}) {BLINK} Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
]
BORROWED_PHONES = [
    f"Mozilla/5.0 (Linux; Android 10; itel A27) {BLINK} Chrome/120.0.0.0 Mobile Safari/537.36", f"Mozilla/5.0 (Linux; Android 13; SM-G998U) {BLINK} Chrome/116.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) {WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1", f"Mozilla/5.0 (Linux; Android 12; moto g22) {BLINK} Chrome/124.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 11; vivo 1906) {BLINK} Chrome/112.0.0.0 Mobile Safari/537.36", f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {WEBKIT} Version/17.4 Mobile/15E148 Safari/604.1",
]
LIBRARIES = [
    "python-requests/2.31.0", "python-requests/2.32.3", "python-urllib3/2.2.1", "Python/3.11 aiohttp/3.9.5", "Go-http-client/1.1", "Go-http-client/2.0", "Java/1.8.0_402", "Java/17.0.9",
    "Apache-HttpClient/4.5.14 (Java/11.0.22)", "Apache-HttpClient/5.2.1 (Java/17.0.10)", "Jetty/9.4.54.v20240208", "lua-resty-http/0.17.1 (Lua) ngx_lua/10026", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "axios/1.7.2", "okhttp/3.14.9", "libwww-perl/6.72", "Ruby", "Wget/1.20.3 (linux-gnu)", "curl/7.61.1", "PostmanRuntime/7.39.0", "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; WOW64; Trident/6.0; PhantomJS/2.1.1)",
    f"Mozilla/5.0 ({LINUX}) {BLINK} HeadlessChrome/119.0.6045.105 Safari/537.36", f"Mozilla/5.0 ({LINUX}) {BLINK} HeadlessChrome/131.0.6778.69 Safari/537.36", f"Mozilla/5.0 ({LINUX}) {BLINK} HeadlessChrome/143.0.0.0 Safari/537.36",
]
# Scanners that say who they are. The sources tell the word in the name; the rest of some of these is made up around it.
NAMED_SCANNERS = [
    "Barracuda Sentinel (EE)", "Mozilla/5.0 (compatible; Barracuda Link Protection)", "proofpoint-urldefense/1.0", "Mozilla/5.0 (compatible; Proofpoint URL Defense)", "CiscoSecureEmail/15.0",
    "TMES", "SafeLinks", "Microsoft-URLAnalyzer/1.0",
]
CLICK_TIME = ["Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)", "ms-office", "msoffice", "", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/101.0.4951.54 Safari/537.36", chrome(WINDOWS, 138)]
PREVIEWS = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slackbot 1.0 (+https://api.slack.com/robots)", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "WhatsApp/2.23.20.0", "WhatsApp/2.24.17.79 A",
    "TelegramBot (like TwitterBot)", "Twitterbot/1.0", "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)", "Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)", "Mozilla/5.0 (compatible; Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots)",
    "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Version/8.0.8 Safari/600.8.9 BingPreview/1.0b", "Viber", "Iframely/1.3.1 (+https://iframely.com/docs/about)", "Mattermost-Bot/1.1",
]
FEEDS = ["Feedbin feed-id:2417388 - 1 subscribers", "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1 subscribers)", "Mozilla/5.0 (compatible; inoreader.com; 1 subscribers)", "Mozilla/5.0 (compatible; Miniflux/2.2.1; +https://miniflux.app)", "FreshRSS/1.24.3 (Linux; https://freshrss.org)", "NewsBlur Page Fetcher - 1 subscriber - https://www.newsblur.com/"]
KEEPERS = ["Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)", "Mozilla/5.0 (compatible; special_archiver/3.1.1 +http://www.archive.org/details/archive.org_bot)", "Wget/1.21.3", "ArchiveBox/0.7.2 (+https://github.com/ArchiveBox/ArchiveBox/)", chrome(LINUX, 122), chrome(WINDOWS, 116), "python-requests/2.28.2", "Mozilla/5.0 (compatible; heritrix/3.4.0 +http://www.archive.org)"]

DESKTOP = desktop_browsers()
PHONE = phone_browsers()
VIEW = views_in_apps()
MAIL = mail_programs()
