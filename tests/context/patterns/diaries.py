# ruff: noqa: RUF001  # every script has letters that look like Latin ones
"""What people write into journals, in many languages: titles, first sentences, names of habits."""

from typing import Final

DIARIES: Final = {
    "English": (
        "Slept badly but the walk before breakfast helped more than I expected.",
        "Long meeting about the budget; left with a headache.",
        "Called Mum. She sounds better.",
        "Ran 5k in 27:40, personal best!",
        "Nothing special today, just tired.",
        "Dinner with Sam & Priya at the new Thai place.",
        "Couldn't focus; too much coffee again.",
        "Finished the quarterly report two days early and celebrated with ice cream.",
    ),
    "German": (
        "Schlecht geschlafen, aber der Spaziergang vor dem Frühstück hat geholfen.",
        "Lange Besprechung über den Haushalt, danach Kopfschmerzen.",
        "Mit Mutter telefoniert. Es geht ihr besser.",
        "Überraschend ruhiger Tag im Büro.",
        "Abendessen mit Freunden, spät ins Bett gegangen.",
        "Den Wocheneinkauf erledigt und die Wohnung geputzt.",
        "Heute endlich die Steuererklärung abgeschickt!",
    ),
    "French": (
        "Mal dormi, mais la promenade avant le petit-déjeuner m'a aidée plus que prévu.",
        "Longue réunion sur le budget, puis mal à la tête.",
        "Appelé maman. Elle va mieux.",
        "Journée calme, j'ai enfin rangé le grenier.",
        "Déjeuner au soleil avec Chloé, on a beaucoup ri.",
    ),
    "Spanish": (
        "Dormí mal, pero el paseo antes del desayuno me ayudó más de lo esperado.",
        "Reunión larga sobre el presupuesto y dolor de cabeza.",
        "Llamé a mamá. Suena mejor.",
        "Nada especial hoy, solo cansancio.",
        "Cena con los primos; volvimos tarde a casa.",
    ),
    "Polish": (
        "Źle spałem, ale spacer przed śniadaniem pomógł bardziej, niż się spodziewałem.",
        "Długie spotkanie o budżecie, potem ból głowy.",
        "Zadzwoniłem do mamy. Czuje się lepiej.",
        "Spokojny dzień w pracy, wieczorem kino.",
    ),
    "Turkish": (
        "Kötü uyudum ama kahvaltıdan önceki yürüyüş beklediğimden daha çok yardımcı oldu.",
        "Bütçe hakkında uzun toplantı, sonra baş ağrısı.",
        "Annemi aradım. Sesi daha iyi geliyor.",
        "Bugün özel bir şey yok, sadece yorgunum.",
    ),
    "Vietnamese": (
        "Ngủ không ngon nhưng đi dạo trước bữa sáng giúp ích hơn tôi nghĩ.",
        "Họp dài về ngân sách rồi đau đầu.",
        "Gọi cho mẹ. Mẹ khỏe hơn rồi.",
        "Tối nay ăn phở với bạn bè, về nhà muộn.",
    ),
    "Russian": (
        "Плохо спал, но прогулка перед завтраком помогла больше, чем я ожидал.",
        "Долгое совещание о бюджете, потом болела голова.",
        "Позвонил маме. Ей лучше.",
        "Ничего особенного, просто устал.",
        "Наконец дочитал книгу, которую начал летом.",
    ),
    "Greek": (
        "Κοιμήθηκα άσχημα αλλά η βόλτα πριν το πρωινό βοήθησε.",
        "Μεγάλη συνάντηση για τον προϋπολογισμό, μετά πονοκέφαλος.",
        "Τηλεφώνησα στη μαμά. Ακούγεται καλύτερα.",
        "Τίποτα ιδιαίτερο σήμερα, μόνο κούραση.",
    ),
    "Arabic": (
        "نمت بشكل سيئ لكن المشي قبل الإفطار ساعدني أكثر مما توقعت.",
        "اجتماع طويل حول الميزانية ثم صداع.",
        "اتصلت بأمي. صوتها أفضل.",
        "لا شيء مميز اليوم، فقط متعب.",
    ),
    "Hebrew": (
        "ישנתי רע אבל ההליכה לפני ארוחת הבוקר עזרה יותר ממה שציפיתי.",
        "פגישה ארוכה על התקציב ואז כאב ראש.",
        "התקשרתי לאמא. היא נשמעת טוב יותר.",
        "שום דבר מיוחד היום, רק עייף.",
    ),
    "Hindi": (
        "ठीक से नींद नहीं आई लेकिन नाश्ते से पहले की सैर ने उम्मीद से ज़्यादा मदद की।",
        "बजट पर लंबी बैठक, फिर सिरदर्द।",
        "माँ को फोन किया। वह बेहतर लग रही हैं।",
        "आज कुछ खास नहीं, बस थकान है।",
    ),
    "Thai": (
        "นอนไม่ค่อยหลับแต่การเดินก่อนอาหารเช้าช่วยได้มากกว่าที่คิด",
        "ประชุมงบประมาณยาวนานแล้วก็ปวดหัว",
        "โทรหาแม่ เสียงแม่ดีขึ้น",
        "วันนี้ไม่มีอะไรพิเศษ แค่เหนื่อย",
    ),
    "Chinese": (
        "睡得不好，但早餐前的散步比我想象的更有帮助。",
        "关于预算的长会议，之后头疼。",
        "给妈妈打了电话，她好多了。",
        "没什么特别的，只是累了。",
        "终于读完了夏天开始看的那本书。",
    ),
    "Japanese": (
        "よく眠れなかったけど、朝食前の散歩が思ったより役に立った。",
        "予算についての長い会議で頭が痛くなった。",
        "母に電話した。元気そうだった。",
        "今日は特に何もなく、ただ疲れた。",
    ),
    "Korean": (
        "잠을 잘 못 잤지만 아침 식사 전 산책이 생각보다 도움이 되었다.",
        "예산에 관한 긴 회의 후 머리가 아팠다.",
        "엄마에게 전화했다. 많이 나아지셨다.",
        "오늘은 특별한 일이 없었고 그냥 피곤했다.",
    ),
    "with emoji": (
        "Great day 😀🎉 with the kids 👨‍👩‍👧‍👦!",
        "Run 🏃🏽‍♀️ 5k ✅ then pancakes 🥞",
        "🇩🇪 trip was lovely ❤️ want to go again",
        "So tired 😴😴 but happy with the result",
    ),
}
