// What the page says to whoever enrols themselves, in the languages of the consent text.

export type EnrolWords = {
  hello: (name: string) => string;
  language: string;
  agree: string;
  decline: string;
  photos: (least: number, most: number) => string;
  hint: string;
  camera: string;
  shoot: string;
  choose: string;
  looking: string;
  good: string;
  drop: string;
  enrol: string;
  doneTitle: string;
  done: string;
  noTitle: string;
  no: string;
  reasons: Record<string, string>;
};

const en: EnrolWords = {
  hello: (name) => `Hello, ${name}`,
  language: "Language",
  agree: "Yes, I agree",
  decline: "No, I'd rather not",
  photos: (least, most) => `${least} to ${most} photos of you`,
  hint: "Your face alone, looking at the camera, in good light. Photos of different days are best.",
  camera: "Use the camera",
  shoot: "Take a photo",
  choose: "Or choose photos",
  looking: "Looking at it…",
  good: "Good",
  drop: "Remove",
  enrol: "Enrol me with these",
  doneTitle: "Thank you",
  done: "The doors know you from now on. The photos are forgotten. You can take it back at any time, at the office or on your own page.",
  noTitle: "That is fine",
  no: "Nothing of your face is kept. A number with a PIN, or a badge, does the same and counts the same: ask the office for one.",
  reasons: {
    none: "There is no face in it.",
    several: "There is more than one face in it.",
    unreadable: "It is no JPEG, PNG or WebP picture.",
    small: "The face is too far away.",
    cropped: "The face is not wholly in the picture.",
    dark: "It is too dark.",
    overexposed: "There is too much light on the face.",
    backlit: "There is light behind you.",
    occluded: "Part of the face is covered.",
    turned: "The face is turned away.",
    leaning: "The head leans too far.",
    blurred: "It is blurred.",
  },
};

const de: EnrolWords = {
  hello: (name) => `Guten Tag, ${name}`,
  language: "Sprache",
  agree: "Ja, ich willige ein",
  decline: "Nein, lieber nicht",
  photos: (least, most) => `${least} bis ${most} Fotos von Ihnen`,
  hint: "Nur Ihr Gesicht, der Kamera zugewandt, in gutem Licht. Am besten von verschiedenen Tagen.",
  camera: "Kamera benutzen",
  shoot: "Foto aufnehmen",
  choose: "Oder Fotos auswählen",
  looking: "Wird angesehen…",
  good: "Gut",
  drop: "Entfernen",
  enrol: "Mit diesen aufnehmen",
  doneTitle: "Danke",
  done: "Die Türen kennen Sie ab jetzt. Die Fotos sind vergessen. Sie können jederzeit widerrufen, im Büro oder auf Ihrer eigenen Seite.",
  noTitle: "Das ist in Ordnung",
  no: "Von Ihrem Gesicht wird nichts gespeichert. Eine Nummer mit PIN oder ein Ausweis leistet dasselbe und zählt gleich: Das Büro gibt Ihnen eines davon.",
  reasons: {
    none: "Darauf ist kein Gesicht.",
    several: "Darauf ist mehr als ein Gesicht.",
    unreadable: "Das ist kein Bild in JPEG, PNG oder WebP.",
    small: "Das Gesicht ist zu weit weg.",
    cropped: "Das Gesicht ist nicht ganz im Bild.",
    dark: "Es ist zu dunkel.",
    overexposed: "Auf dem Gesicht ist zu viel Licht.",
    backlit: "Hinter Ihnen ist Licht.",
    occluded: "Ein Teil des Gesichts ist verdeckt.",
    turned: "Das Gesicht ist abgewandt.",
    leaning: "Der Kopf ist zu sehr geneigt.",
    blurred: "Es ist unscharf.",
  },
};

const es: EnrolWords = {
  hello: (name) => `Hola, ${name}`,
  language: "Idioma",
  agree: "Sí, doy mi consentimiento",
  decline: "No, prefiero que no",
  photos: (least, most) => `De ${least} a ${most} fotos suyas`,
  hint: "Solo su cara, mirando a la cámara, con buena luz. Mejor de días distintos.",
  camera: "Usar la cámara",
  shoot: "Hacer una foto",
  choose: "O elegir fotos",
  looking: "Mirándola…",
  good: "Bien",
  drop: "Quitar",
  enrol: "Registrarme con estas",
  doneTitle: "Gracias",
  done: "Las puertas le conocen desde ahora. Las fotos ya no existen. Puede retirarlo cuando quiera, en la oficina o en su propia página.",
  noTitle: "Está bien",
  no: "No se guarda nada de su cara. Un número con PIN o una tarjeta hacen lo mismo y valen lo mismo: pídalos en la oficina.",
  reasons: {
    none: "No hay ninguna cara.",
    several: "Hay más de una cara.",
    unreadable: "No es una imagen JPEG, PNG o WebP.",
    small: "La cara está demasiado lejos.",
    cropped: "La cara no está entera en la imagen.",
    dark: "Está demasiado oscuro.",
    overexposed: "Hay demasiada luz en la cara.",
    backlit: "Hay luz detrás de usted.",
    occluded: "Parte de la cara está tapada.",
    turned: "La cara está girada.",
    leaning: "La cabeza está demasiado inclinada.",
    blurred: "Está borrosa.",
  },
};

const ar: EnrolWords = {
  hello: (name) => `مرحبًا ${name}`,
  language: "اللغة",
  agree: "نعم، أوافق",
  decline: "لا، أفضل ألا أفعل",
  photos: (least, most) => `من ${least} إلى ${most} صور لك`,
  hint: "وجهك وحده، وأنت تنظر إلى الكاميرا، في ضوء جيد. ويفضل أن تكون من أيام مختلفة.",
  camera: "استخدام الكاميرا",
  shoot: "التقاط صورة",
  choose: "أو اختيار صور",
  looking: "جارٍ النظر فيها…",
  good: "جيدة",
  drop: "إزالة",
  enrol: "تسجيلي بهذه الصور",
  doneTitle: "شكرًا لك",
  done: "تعرفك الأبواب من الآن. لم تعد الصور موجودة. يمكنك سحب موافقتك في أي وقت، في المكتب أو من صفحتك الخاصة.",
  noTitle: "لا بأس",
  no: "لا يُحفظ أي شيء من وجهك. رقم مع رمز سري أو بطاقة يؤديان الغرض نفسه ولهما القيمة نفسها: اطلب ذلك من المكتب.",
  reasons: {
    none: "لا يوجد وجه في الصورة.",
    several: "يوجد أكثر من وجه في الصورة.",
    unreadable: "ليست صورة JPEG أو PNG أو WebP.",
    small: "الوجه بعيد جدًا.",
    cropped: "الوجه ليس كاملًا في الصورة.",
    dark: "الصورة معتمة جدًا.",
    overexposed: "الضوء على الوجه شديد.",
    backlit: "يوجد ضوء خلفك.",
    occluded: "جزء من الوجه مغطى.",
    turned: "الوجه ملتفت.",
    leaning: "الرأس مائل كثيرًا.",
    blurred: "الصورة غير واضحة.",
  },
};

const ALL: Record<string, EnrolWords> = { en, de, es, ar };

/** The words in a language, English where there are none. */
export function enrolWords(language: string): EnrolWords {
  return ALL[language.split("-")[0] ?? ""] ?? en;
}
