"""Where requests come from. People and companies get the networks that are kept free for examples (RFC 5737, RFC 3849);
providers get networks that they publish."""

HOMES = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
GOOGLE_PROXY = ["66.249.80.0/22", "66.249.84.0/23", "66.249.88.0/22", "66.249.92.0/23", "66.102.6.0/24", "66.102.8.0/23", "74.125.208.0/22", "74.125.212.0/22", "72.14.199.0/24", "64.233.172.0/24", "64.233.173.0/24"]
YAHOO_PROXY = ["74.6.0.0/16", "98.137.0.0/17", "87.248.112.0/21", "188.125.72.0/21", "69.147.80.0/21", "66.218.64.0/19"]
APPLE_PROXY = ["172.224.224.0/20", "172.225.0.0/18", "104.28.0.0/17", "104.28.128.0/18", "146.75.128.0/18", "140.248.0.0/18", "17.58.0.0/20", "2a02:26f7:c000::/40", "2606:54c0::/36", "2a04:4e41::/36"]
MICROSOFT_MAIL = ["40.92.0.0/15", "40.94.0.0/16", "40.107.0.0/16", "52.100.0.0/15", "52.96.0.0/14", "104.47.0.0/17", "40.104.0.0/15", "52.112.0.0/16"]
AZURE = ["20.72.0.0/16", "20.36.0.0/16", "13.64.0.0/15", "40.64.64.0/18", "52.224.0.0/15", "51.104.0.0/16"]
AWS = ["3.80.0.0/13", "18.204.0.0/15", "34.192.0.0/13", "44.192.0.0/13", "52.0.0.0/15", "54.144.0.0/14", "3.120.0.0/15", "35.156.0.0/15"]
GOOGLE_CLOUD = ["34.64.0.0/14", "35.184.0.0/14", "104.196.0.0/15", "34.120.0.0/15"]
COGENT = ["38.0.0.0/13", "154.48.0.0/15"]
BARRACUDA = ["64.235.144.0/21", "64.235.152.0/21", "209.222.80.0/22", "209.222.84.0/22"]
PROOFPOINT = ["67.231.144.0/21", "67.231.152.0/21", "148.163.128.0/18", "205.220.160.0/20", "205.220.176.0/20", "208.84.65.0/24"]
MIMECAST = ["207.211.31.0/25", "205.139.110.0/24", "216.205.24.0/24", "63.128.21.0/24", "207.211.30.128/25", "91.220.42.0/24", "195.130.217.0/24", "51.163.158.0/24"]
CISCO = ["68.232.128.0/19", "139.138.32.0/19", "207.54.64.0/19", "184.94.240.0/20"]
TREND = ["150.70.0.0/17", "150.70.128.0/17", "216.104.0.0/19"]
SYMANTEC = ["85.158.136.0/22", "85.158.140.0/22", "67.219.240.0/21", "195.245.230.0/23"]
FACEBOOK = ["31.13.24.0/21", "66.220.144.0/20", "69.171.224.0/19", "173.252.64.0/19"]
TELEGRAM = ["149.154.160.0/22", "91.108.4.0/22"]
ARCHIVES = ["207.241.224.0/21", "207.241.232.0/21"]
THIN_PROXIES = ["82.145.208.0/21", "82.145.216.0/21", "185.26.180.0/22", "107.167.96.0/20"]
FASTMAIL = ["66.111.4.0/24", "103.168.172.0/24"]
CLOUDS = AWS + AZURE + GOOGLE_CLOUD

# Best mail exchangers, as a mail's record names them.
MX = {
    "own": ["mx.example.org", "mail.example.net", "mx1.example.com", "smtp.example.edu"],
    "google": ["aspmx.l.google.com", "gmail-smtp-in.l.google.com"],
    "yahoo": ["mta5.am0.yahoodns.net", "mta7.am0.yahoodns.net"],
    "apple": ["mx01.mail.icloud.com", "mx02.mail.icloud.com"],
    "microsoft": ["example-com.mail.protection.outlook.com", "example-org.mail.protection.outlook.com"],
    "outlook": ["outlook-com.olc.protection.outlook.com", "hotmail-com.olc.protection.outlook.com"],
    "barracuda": ["d1.ess.barracudanetworks.com", "d2.ess.barracudanetworks.com"],
    "proofpoint": ["mx0a-00000001.pphosted.com", "mx0b-00000001.pphosted.com"],
    "mimecast": ["eu-smtp-inbound-1.mimecast.com", "us-smtp-inbound-2.mimecast.com"],
    "cisco": ["mx1.hc0000-1.iphmx.com", "mx2.hc0000-1.iphmx.com"],
    "trend": ["in.hes.trendmicro.com", "in.hes.trendmicro.eu"],
    "symantec": ["cluster1.eu.messagelabs.com", "cluster5.us.messagelabs.com"],
    "fastmail": ["in1-smtp.messagingengine.com", "in2-smtp.messagingengine.com"],
}
