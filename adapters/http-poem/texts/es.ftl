# Español.

## On every page

base-footer = Introduzca solo un código que haya pedido usted o que le haya enviado el operador de este servicio. Nadie más tiene motivos para enviarle uno.
steps-label = Pasos
steps-code = Código
steps-check = Comprobación
steps-sign-in = Inicio de sesión
steps-done = (hecho)
new-tab = (se abre en una pestaña nueva)
cancel-button = Cancelar
copy-button = Copiar
copy-copied = Copiado
copy-selected = Seleccionado
consent-name = En { $provider } esto aparece como <bdi class="given">{ $name }</bdi>.
operator-name = <bdi class="given">{ $name }</bdi> gestiona este servicio.
operator-contact = <a>Contactar con el operador</a>

## Times

time-left = Tiempo restante: <span class="time">{ $time }</span>
span-second = { $number ->
    [one] { $number } segundo
   *[other] { $number } segundos
}
span-minute = { $number ->
    [one] { $number } minuto
   *[other] { $number } minutos
}
span-hour = { $number ->
    [one] { $number } hora
   *[other] { $number } horas
}
span-day = { $number ->
    [one] { $number } día
   *[other] { $number } días
}
ago-now = ahora mismo
ago-second = { $number ->
    [one] hace { $number } segundo
   *[other] hace { $number } segundos
}
ago-minute = { $number ->
    [one] hace { $number } minuto
   *[other] hace { $number } minutos
}
ago-hour = { $number ->
    [one] hace { $number } hora
   *[other] hace { $number } horas
}
ago-day = { $number ->
    [one] hace { $number } día
   *[other] hace { $number } días
}
date = { $day } de { $month ->
    [January] enero
    [February] febrero
    [March] marzo
    [April] abril
    [May] mayo
    [June] junio
    [July] julio
    [August] agosto
    [September] septiembre
    [October] octubre
    [November] noviembre
   *[December] diciembre
} de { $year }, { $time } UTC

## The form for a code

enter-title = Introduzca su código
enter-error-title = Error: introduzca su código
enter-intro = Un programa que quiere usar una de sus cuentas le ha mostrado un código. Verá quién lo solicita antes de que empiece nada.
enter-address = Esta página funciona en <a href="{ $address }">{ $address }</a>.
enter-label = Código
enter-hint = De ocho a doce cifras. Los espacios y los guiones no importan.
enter-pattern = De ocho a doce cifras, por ejemplo 1234 5678
enter-button = Continuar
enter-empty = Introduzca el código que muestra su programa.
enter-malformed = Un código tiene de ocho a doce cifras, por ejemplo 1234 5678.
enter-unknown = Ningún programa está esperando con este código. Compruebe las cifras. Un código antiguo ya no sirve: pida uno nuevo al programa.
notice-heading = No se ha aceptado el formulario
notice-other-site = Parece proceder de otro sitio web. Si lo ha enviado usted, pulse «Continuar» otra vez.
notice-no-cookie = Esta página necesita una cookie para reconocer su navegador. Permita las cookies de este sitio y pulse «Continuar» otra vez.

## The page at a relink URL

relink-title = Vincule su cuenta otra vez
relink-intro = { $named ->
    [yes] El operador de este servicio le pide que dé su consentimiento otra vez en <strong>{ $provider }</strong>, para que <bdi class="given">«{ $name }»</bdi> pueda usar su cuenta allí.
   *[no] El operador de este servicio le pide que dé su consentimiento otra vez en <strong>{ $provider }</strong>, para que un programa pueda usar su cuenta allí.
}
relink-same = Inicie sesión con la misma cuenta que antes. Cualquier otra cuenta se rechaza, y entonces no cambia nada.
relink-valid = Este enlace será válido durante <span class="time">{ $time }</span> más.
relink-footer = Este enlace no da acceso a nadie. Usted decide en { $provider } si el programa puede volver a usar su cuenta.

## Who asks, and for what

confirm-title = ¿Conoce este programa?
confirm-intro = Quiere usar su cuenta en <strong>{ $provider }</strong>.
confirm-relink = Ya ha usado una antes y necesita de nuevo su consentimiento: inicie sesión con la misma cuenta.
confirm-nothing-yet = Todavía no ha empezado nada.
confirm-program = Programa
confirm-not-verified = sin verificar
confirm-chose-name = Él mismo ha elegido este nombre; cualquiera podría hacerlo.
confirm-no-name = No ha dado ningún nombre
confirm-workload = Una tarea o un servicio que demuestra quién es
confirm-verified = Verificado
confirm-platform = La plataforma que ejecuta este programa lo ha confirmado.
confirm-asked = Solicitado
confirm-from = Desde
confirm-unknown-address = Una dirección desconocida
confirm-near = La misma red que la suya.
confirm-far = Una red distinta de la suya. Es normal con datos móviles, una VPN o una retransmisión privada. Si no es el caso y el programa se ejecuta a su lado, cancele.
confirm-provider = Proveedor
confirm-permissions = Permisos
confirm-default-scopes = Lo que { $provider } concede de forma predeterminada
confirm-warning = <strong>Continúe solo si ha iniciado esto usted.</strong> Si alguien le ha enviado el código, cancele: esa persona podría usar su cuenta.
confirm-invited = <strong>Inicie sesión con la cuenta que ya estaba vinculada.</strong> El operador de este servicio le ha enviado aquí. Con cualquier otra cuenta no cambia nada.
confirm-busy = Consultando a { $provider }…
confirm-button = Continuar
confirm-footer = A continuación iniciará sesión en { $provider } y decidirá allí. Después, el programa podrá usar su cuenta hasta que usted o el operador retiren el permiso. Nunca ve su contraseña.

## The pages of a link in progress

live-footer = Deje esta página abierta: mostrará por sí sola el resultado.
waiting-title = { $provider } no responde
waiting-heading = { $provider } no ha respondido
waiting-text = Ha confirmado su código, pero { $provider } no responde en este momento. Todavía no ha empezado nada y no se ha perdido nada: su código sigue siendo válido.
waiting-button = Intentarlo de nuevo
waiting-check = Comprobar ahora
waiting-footer = El código pertenece ahora a este navegador. Nadie más puede usarlo.
prompt-title = Continúe en { $provider }
prompt-again = El inicio de sesión en { $provider } no se completó. Inténtelo de nuevo.
prompt-decide = { $named ->
    [yes] Inicie sesión en { $provider } y decida si <bdi class="given">«{ $name }»</bdi> puede usar su cuenta.
   *[no] Inicie sesión en { $provider } y decida si el programa puede usar su cuenta.
}
prompt-sent-back = Después volverá automáticamente aquí.
prompt-come-back = Después vuelva a esta página.
prompt-code-heading = Si { $provider } muestra o pide un código
prompt-code-text = Tiene que ser este:
prompt-by-hand = También puede escribirlo en cualquier dispositivo, en esta dirección:
prompt-take-code = { $named ->
    [yes] { $provider } le pedirá este código. Anótelo, inicie sesión allí y decida si <bdi class="given">«{ $name }»</bdi> puede usar su cuenta.
   *[no] { $provider } le pedirá este código. Anótelo, inicie sesión allí y decida si el programa puede usar su cuenta.
}
prompt-unsafe = { $provider } ha dado una dirección que esta página no abre. Comuníqueselo <a>al operador de este servicio</a>.
prompt-state = Esperando su decisión en { $provider }
prompt-continue = Continuar a { $provider }
prompt-open = Abrir { $provider }
prompt-host = Lleva a <span class="mono">{ $host }</span>
prompt-host-new-tab = Lleva a <span class="mono">{ $host }</span>, en una pestaña nueva
finishing-title = Casi listo
finishing-text = { $provider } ha respondido. Solo falta un momento.
finishing-state = Averiguando de quién es la cuenta
confirming-title = Escriba este código en el programa
confirming-text = Vuelva al programa que ha iniciado y escriba allí este código de retorno:
confirming-warning = <strong>No dé este código a nadie.</strong> Si alguien se lo pide por teléfono, por chat o por correo, pulse «Cancelar»: esa persona quiere usar su cuenta.
confirming-state = Esperando al programa
confirming-footer = Hasta que el programa envíe el código, no obtiene acceso. Pasados tres minutos se devuelve el permiso.

## Linked

linked-title = Cuenta vinculada
linked-text = { $named ->
    [yes] <bdi class="given">«{ $name }»</bdi> ya puede usar esta cuenta.
   *[no] El programa ya puede usar esta cuenta.
}
linked-account = Cuenta
linked-unidentified = { $provider } no indica de quién es
linked-closing = Puede cerrar esta pestaña y volver al programa.
linked-disown = No fui yo
linked-busy = Retirando el permiso…
linked-footer = ¿No es lo que quería? Durante 24 horas, «No fui yo» pone fin al acceso del programa. También puede retirar el permiso en sus ajustes de { $provider } o pedir <a>al operador de este servicio</a> que lo elimine.
linked-footer-again = ¿No es lo que quería? Puede retirar el permiso en sus ajustes de { $provider } o pedir <a>al operador de este servicio</a> que lo elimine.

## Ends and errors

ended-details = Detalles
ended-again = Introducir otro código
ended-invited-advice = Abra el enlace otra vez, o pida un enlace o un código nuevo a la persona que se lo envió.
request-id = Identificador de la solicitud, para el operador: <code class="mono" translate="no">{ $id }</code>

cancelled-heading = Cancelado
cancelled-text = Ha cancelado. El programa no obtiene acceso y lo sabe.
cancelled-invited-text = Ha cancelado. No ha cambiado nada.
cancelled-advice = Puede cerrar esta pestaña.

disowned-heading = Permiso retirado
disowned-account = El programa ya no puede usar su cuenta, ni tampoco los programas que haya vinculado a ella después. El permiso se devuelve al proveedor.
disowned-key = El programa ya no puede usar su cuenta. La cuenta ya estaba vinculada antes, así que sus otros programas la conservan.
disowned-advice = Un token que el programa haya recibido antes puede funcionar unos minutos más. Si alguien le convenció para hacer esto, revise su cuenta en el proveedor y avise <a>al operador de este servicio</a>.

nothing-left-heading = No queda nada que retirar
nothing-left-text = O bien ya ha retirado el consentimiento, o bien tiene más de 24 horas, o bien se dio en otro navegador.
nothing-left-advice = Si un programa sigue usando su cuenta, ponga fin a su acceso en sus ajustes del proveedor o consulte <a>al operador de este servicio</a>.

denied-heading = Acceso denegado
denied-text = Lo ha rechazado en { $provider }. No se ha vinculado nada.
denied-advice = Si no lo ha rechazado usted, consulte al administrador de su cuenta en el proveedor.
denied-detail = El proveedor dice: { $words }

expired-heading = El código ha caducado
expired-text = Este código no se ha usado a tiempo. No se ha vinculado nada.
expired-advice = Pida un código nuevo al programa y empiece otra vez.

failed-heading = No ha funcionado
failed-mismatch-text = Ha iniciado sesión con una cuenta distinta de la anterior. No se ha cambiado nada. Inicie sesión con la cuenta que usó antes. Si { $provider } inicia su sesión automáticamente, cierre antes la sesión allí o use una ventana privada.
failed-mismatch-advice = Pida un código nuevo al programa y empiece otra vez.
failed-not-confirmed-text = El programa no ha enviado a tiempo el código de retorno, o ha enviado uno incorrecto. No se ha vinculado nada.
failed-not-confirmed-advice = Si ha iniciado usted el programa, empiece otra vez. Escriba el código de retorno solo en ese programa.
failed-answer-lost-text = La respuesta del proveedor se ha perdido por el camino. No se ha vinculado nada.
failed-answer-lost-advice = Pida un código nuevo al programa y empiece otra vez.
failed-provider-text = El proveedor ha rechazado la solicitud. No se ha vinculado nada.
failed-provider-advice = Probablemente no sirva de nada intentarlo otra vez. Avise <a>al operador de este servicio</a>; la causa está en su registro.
failed-service-text = Algo ha fallado en este servicio. No se ha vinculado nada.
failed-service-advice = Avise <a>al operador de este servicio</a>; la causa está en su registro.

used-heading = Este código ya no sirve
used-expired = Ha caducado. No se ha vinculado nada.
used-cancelled = La solicitud se canceló. No se ha vinculado nada.
used-denied = El proveedor no ha dado acceso. No se ha vinculado nada.
used-once = Ya se ha usado. Un código sirve solo una vez.
used-elsewhere = Se completó en otro navegador. Un código sirve solo una vez.
used-advice = Pida un código nuevo al programa y empiece otra vez.

in-use-heading = Este código está en uso
in-use-text = Se ha confirmado en otro navegador. Ahora solo ese navegador puede usarlo.
in-use-advice = Si fue usted, continúe allí. Si no, pida un código nuevo al programa y no se lo enseñe a nadie.

foreign-heading = Este inicio de sesión no se puede usar
foreign-text = Se inició en otro navegador, ya se había usado o ha tardado demasiado. No ha vinculado nada.
foreign-advice = Vuelva a la página en la que introdujo el código, o pida un código nuevo al programa.

posted-heading = La respuesta del proveedor no se puede usar
posted-text = El proveedor la ha enviado como formulario. Este servicio solo la lee de la dirección de esta página. No se ha vinculado nada.
posted-advice = Avise <a>al operador de este servicio</a>: el proveedor debe usar response_mode=query.

prefetch-heading = Cargue esta página para continuar
prefetch-text = Su navegador la ha cargado por adelantado. Todavía no ha ocurrido nada.
prefetch-advice = Cargue esta página otra vez.

too-many-heading = Demasiados códigos incorrectos
too-many-text = Para que nadie adivine códigos, esta página no acepta códigos de su red durante un tiempo.
too-many-advice = Espere { $wait } e inténtelo de nuevo. Es posible que para entonces necesite un código nuevo.

crowded-heading = Demasiadas personas están vinculando cuentas
crowded-text = Otras personas, quizá en su red, no han terminado todavía. Su código sigue siendo válido.
crowded-advice = Espere { $wait } e introduzca su código otra vez.

relink-gone-heading = Este enlace no funciona
relink-gone-advice = Pida un enlace nuevo a la persona que se lo envió.
relink-unknown = Está incompleto, o alguien lo ha modificado. No ha ocurrido nada.
relink-expired = Era válido durante siete días y ha caducado. No ha ocurrido nada.
relink-impossible = La cuenta ya no se puede vincular otra vez con un enlace. No ha ocurrido nada.

relink-done-heading = Ya está hecho
relink-done-text = Esta cuenta se ha vinculado otra vez o se ha eliminado desde que se creó el enlace. Esta vez, el enlace no ha hecho nada.
relink-done-advice = Puede cerrar esta pestaña.

relink-crowded-heading = Demasiadas personas están vinculando cuentas
relink-crowded-text = Otras personas, quizá en su red, no han terminado todavía. El enlace sigue siendo válido.
relink-crowded-advice = Espere { $wait } y abra el enlace otra vez.

unavailable-provider-heading = El proveedor no responde
unavailable-service-heading = El servicio no está disponible
unavailable-text = Algo que esta página necesita no responde en este momento. Su código sigue siendo válido.
unavailable-advice = Espere un momento y cargue esta página otra vez.

not-configured-heading = Este proveedor ya no está disponible
not-configured-text = El operador ha retirado de este servicio el proveedor de este código.
not-configured-advice = Avise <a>al operador de este servicio</a>, o pida un código nuevo al programa.

broken-heading = Algo ha salido mal
broken-text = Es un error del servicio; no es culpa suya.
broken-advice = Avise <a>al operador de este servicio</a>; la causa está en su registro.

no-form-heading = No se ha podido leer el formulario
no-form-type = El formulario debe enviarse como application/x-www-form-urlencoded, en UTF-8.
no-form-too-large = El formulario es demasiado grande.
no-form-incomplete = El formulario está incompleto.
no-form-action = La acción debe ser look_up, confirm, cancel o disown.
no-form-advice = Abra esta página en un navegador e introduzca allí el código.
