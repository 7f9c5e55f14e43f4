# 日本語

## On every page

base-footer = ご自身で取得したコード、またはこのサービスの運営者から送られたコードだけを入力してください。ほかの人があなたにコードを送ってくる理由はありません。
steps-label = 手順
steps-code = コード
steps-check = 確認
steps-sign-in = サインイン
steps-done = （完了）
new-tab = （新しいタブで開きます）
cancel-button = キャンセル
copy-button = コピー
copy-copied = コピーしました
copy-selected = 選択しました
consent-name = { $provider } では <bdi class="given">{ $name }</bdi> と表示されます。
operator-name = このサービスは <bdi class="given">{ $name }</bdi> が運営しています。
operator-contact = <a>運営者に問い合わせる</a>

## Times

time-left = 残り <span class="time">{ $time }</span>
span-second = { $number } 秒
span-minute = { $number } 分
span-hour = { $number } 時間
span-day = { $number } 日
ago-now = たった今
ago-second = { $number } 秒前
ago-minute = { $number } 分前
ago-hour = { $number } 時間前
ago-day = { $number } 日前
date = { $year }年{ $month ->
    [January] 1
    [February] 2
    [March] 3
    [April] 4
    [May] 5
    [June] 6
    [July] 7
    [August] 8
    [September] 9
    [October] 10
    [November] 11
   *[December] 12
}月{ $day }日 { $time } UTC

## The form for a code

enter-title = コードを入力してください
enter-error-title = エラー：コードを入力してください
enter-intro = あなたのアカウントを使おうとするプログラムが、コードを表示しました。何かが始まる前に、どのプログラムからの要求かを確認できます。
enter-address = このページは <a href="{ $address }">{ $address }</a> でご利用いただけます。
enter-label = コード
enter-hint = 8 桁から 12 桁の数字です。空白とハイフンは無視されます。
enter-pattern = 8 桁から 12 桁の数字（例：1234 5678）
enter-button = 続ける
enter-empty = プログラムに表示されているコードを入力してください。
enter-malformed = コードは 8 桁から 12 桁の数字です（例：1234 5678）。
enter-unknown = このコードで待っているプログラムはありません。数字をご確認ください。古いコードは使えません。プログラムで新しいコードを取得してください。
notice-heading = フォームを受け付けられませんでした
notice-other-site = 別のサイトから送信されたようです。ご自身で送信した場合は、もう一度「続ける」を押してください。
notice-no-cookie = このページでは、ブラウザーを識別するために Cookie が必要です。このサイトの Cookie を許可してから、もう一度「続ける」を押してください。

## The page at a relink URL

relink-title = アカウントをもう一度連携してください
relink-intro = { $named ->
    [yes] このサービスの運営者が、<bdi class="given">「{ $name }」</bdi>が <strong>{ $provider }</strong> のあなたのアカウントを使えるよう、もう一度同意することを求めています。
   *[no] このサービスの運営者が、プログラムが <strong>{ $provider }</strong> のあなたのアカウントを使えるよう、もう一度同意することを求めています。
}
relink-same = 以前と同じアカウントでサインインしてください。別のアカウントは拒否され、その場合は何も変わりません。
relink-valid = このリンクの残りの有効期間：<span class="time">{ $time }</span>
relink-footer = このリンクによって誰かがアクセスできるようになることはありません。プログラムがあなたのアカウントを再び使えるかどうかは、{ $provider } であなたが決めます。

## Who asks, and for what

confirm-title = このプログラムに心当たりがありますか？
confirm-intro = このプログラムは、<strong>{ $provider }</strong> のあなたのアカウントを使おうとしています。
confirm-relink = 以前にもアカウントを使っており、もう一度あなたの同意が必要です。同じアカウントでサインインしてください。
confirm-nothing-yet = まだ何も始まっていません。
confirm-program = プログラム
confirm-not-verified = 未確認
confirm-chose-name = この名前はプログラムが自ら名乗ったものです。誰でも名乗れます。
confirm-no-name = 名前はありません
confirm-workload = 身元を証明できるジョブまたはサービス
confirm-verified = 確認済み
confirm-platform = このプログラムを実行しているプラットフォームが確認した内容です。
confirm-asked = 要求の日時
confirm-from = 要求元
confirm-unknown-address = 不明なアドレス
confirm-near = あなたと同じネットワークです。
confirm-far = あなたとは別のネットワークです。モバイルデータ通信、VPN、プライベートリレーを使っている場合は問題ありません。それ以外の場合で、プログラムがお手元で動いているときは、キャンセルしてください。
confirm-provider = プロバイダー
confirm-permissions = 権限
confirm-default-scopes = { $provider } が標準で与える権限
confirm-warning = <strong>ご自身で始めた場合にだけ続けてください。</strong>誰かからコードが送られてきた場合は、キャンセルしてください。その人にあなたのアカウントを使われるおそれがあります。
confirm-invited = <strong>以前に連携したアカウントでサインインしてください。</strong>このサービスの運営者からの案内です。別のアカウントでは何も変わりません。
confirm-busy = { $provider } に問い合わせています…
confirm-button = 続ける
confirm-footer = 次に { $provider } でサインインし、そこで許可するかどうかを決めます。許可すると、あなたまたは運営者が取り消すまで、プログラムはあなたのアカウントを使えます。パスワードがプログラムに知られることはありません。

## The pages of a link in progress

live-footer = このページを開いたままにしてください。結果は自動的に表示されます。
waiting-title = { $provider } が応答しません
waiting-heading = { $provider } から応答がありませんでした
waiting-text = コードは確認されましたが、現在 { $provider } が応答していません。まだ何も始まっておらず、何も失われていません。コードは引き続き有効です。
waiting-button = もう一度試す
waiting-check = 今すぐ確認する
waiting-footer = このコードは、このブラウザーでのみ使えるようになりました。ほかの人は使えません。
prompt-title = { $provider } に進んでください
prompt-again = { $provider } でのサインインが完了しませんでした。もう一度お試しください。
prompt-decide = { $named ->
    [yes] { $provider } でサインインし、<bdi class="given">「{ $name }」</bdi> にあなたのアカウントの使用を許可するかどうかを決めてください。
   *[no] { $provider } でサインインし、プログラムにあなたのアカウントの使用を許可するかどうかを決めてください。
}
prompt-sent-back = その後、自動的にこのページに戻ります。
prompt-come-back = その後、このページに戻ってください。
prompt-code-heading = { $provider } でコードが表示されるか、コードを求められた場合
prompt-code-text = 次のコードと一致している必要があります：
prompt-by-hand = ほかの端末から、次のアドレスで入力することもできます：
prompt-take-code = { $named ->
    [yes] { $provider } でこのコードを求められます。コードを控えてからサインインし、<bdi class="given">「{ $name }」</bdi> にあなたのアカウントの使用を許可するかどうかを決めてください。
   *[no] { $provider } でこのコードを求められます。コードを控えてからサインインし、プログラムにあなたのアカウントの使用を許可するかどうかを決めてください。
}
prompt-unsafe = { $provider } から受け取ったアドレスは、このページから開けません。<a>このサービスの運営者</a>にお知らせください。
prompt-state = { $provider } での操作を待っています
prompt-continue = { $provider } に進む
prompt-open = { $provider } を開く
prompt-host = <span class="mono">{ $host }</span> に移動します
prompt-host-new-tab = 新しいタブで <span class="mono">{ $host }</span> に移動します
finishing-title = まもなく完了します
finishing-text = { $provider } から応答がありました。もう少しお待ちください。
finishing-state = 誰のアカウントかを確認しています
confirming-title = このコードをプログラムに入力してください
confirming-text = 起動したプログラムに戻り、次の返信コードを入力してください：
confirming-warning = <strong>このコードを誰にも教えないでください。</strong>電話、チャット、メールなどで尋ねられた場合は、「キャンセル」を押してください。相手はあなたのアカウントを使おうとしています。
confirming-state = プログラムを待っています
confirming-footer = プログラムがコードを送信するまで、アクセスは許可されません。3 分が過ぎると、許可は返却されます。

## Linked

linked-title = 連携しました
linked-text = { $named ->
    [yes] <bdi class="given">「{ $name }」</bdi> がこのアカウントを使えるようになりました。
   *[no] プログラムがこのアカウントを使えるようになりました。
}
linked-account = アカウント
linked-unidentified = { $provider } からは誰のアカウントか示されていません
linked-closing = このタブを閉じて、プログラムに戻ってください。
linked-disown = 身に覚えがありません
linked-busy = 取り消しています…
linked-footer = 意図した結果と違いますか？24 時間以内であれば、「身に覚えがありません」でプログラムのアクセスを終了できます。{ $provider } の設定で許可を取り消すことも、<a>このサービスの運営者</a>に削除を依頼することもできます。
linked-footer-again = 意図した結果と違いますか？{ $provider } の設定で許可を取り消すことも、<a>このサービスの運営者</a>に削除を依頼することもできます。

## Ends and errors

ended-details = 詳細
ended-again = 別のコードを入力する
ended-invited-advice = リンクをもう一度開くか、リンクまたはコードを送ってきた人に、新しいものを依頼してください。
request-id = リクエスト ID（運営者用）： <code class="mono" translate="no">{ $id }</code>

cancelled-heading = キャンセルしました
cancelled-text = あなたがキャンセルしました。プログラムはアクセスできず、そのことはプログラムに伝わっています。
cancelled-invited-text = あなたがキャンセルしました。何も変わっていません。
cancelled-advice = このタブを閉じてもかまいません。

disowned-heading = 取り消しました
disowned-account = プログラムは、もうあなたのアカウントを使えません。その後にこのアカウントと連携したプログラムも使えません。許可はプロバイダーに返却されます。
disowned-key = プログラムは、もうあなたのアカウントを使えません。このアカウントは以前から連携されていたため、ほかのプログラムは引き続き使えます。
disowned-advice = プログラムがすでに受け取ったトークンは、あと数分使える場合があります。誰かに勧められて行った場合は、プロバイダーでアカウントを確認し、<a>このサービスの運営者</a>にお知らせください。

nothing-left-heading = 取り消すものはありません
nothing-left-text = すでに同意を取り消したか、同意から 24 時間以上が過ぎているか、別のブラウザーで同意した可能性があります。
nothing-left-advice = プログラムがまだあなたのアカウントを使っている場合は、プロバイダーの設定でアクセスを終了するか、<a>このサービスの運営者</a>にお問い合わせください。

denied-heading = アクセスは拒否されました
denied-text = あなたは { $provider } で拒否しました。何も連携されていません。
denied-advice = ご自身で拒否していない場合は、プロバイダーのアカウント管理者にお問い合わせください。
denied-detail = プロバイダーからのメッセージ：{ $words }

expired-heading = コードの有効期限が切れました
expired-text = このコードは期限内に使われませんでした。何も連携されていません。
expired-advice = プログラムで新しいコードを取得し、もう一度やり直してください。

failed-heading = うまくいきませんでした
failed-mismatch-text = 以前とは別のアカウントでサインインしました。何も変更されていません。以前に使ったアカウントでサインインしてください。{ $provider } で自動的にサインインされる場合は、先にそこでサインアウトするか、プライベートウィンドウを使ってください。
failed-mismatch-advice = プログラムで新しいコードを取得し、もう一度やり直してください。
failed-not-confirmed-text = プログラムから期限内に返信コードが届かなかったか、誤ったコードが届きました。何も連携されていません。
failed-not-confirmed-advice = ご自身でプログラムを起動した場合は、もう一度やり直してください。返信コードはそのプログラムにだけ入力してください。
failed-answer-lost-text = プロバイダーからの応答が途中で失われました。何も連携されていません。
failed-answer-lost-advice = プログラムで新しいコードを取得し、もう一度やり直してください。
failed-provider-text = プロバイダーが要求を拒否しました。何も連携されていません。
failed-provider-advice = もう一度試しても、おそらく解決しません。<a>このサービスの運営者</a>にお知らせください。原因はログに記録されています。
failed-service-text = このサービスで問題が発生しました。何も連携されていません。
failed-service-advice = <a>このサービスの運営者</a>にお知らせください。原因はログに記録されています。

used-heading = このコードはもう使えません
used-expired = 有効期限が切れています。何も連携されていません。
used-cancelled = キャンセルされました。何も連携されていません。
used-denied = プロバイダーがアクセスを許可しませんでした。何も連携されていません。
used-once = すでに使われています。コードは一度しか使えません。
used-elsewhere = 別のブラウザーで手続きが終了しています。コードは一度しか使えません。
used-advice = プログラムで新しいコードを取得し、もう一度やり直してください。

in-use-heading = このコードは使用中です
in-use-text = 別のブラウザーで確認されました。現在、このコードはそのブラウザーでのみ使えます。
in-use-advice = ご自身で確認した場合は、そのブラウザーで続けてください。心当たりがない場合は、プログラムで新しいコードを取得し、誰にも見せないでください。

foreign-heading = このサインインは使用できません
foreign-text = 別のブラウザーで始められたか、すでに使われたか、時間がかかりすぎました。何も連携されていません。
foreign-advice = コードを入力したページに戻るか、プログラムで新しいコードを取得してください。

posted-heading = プロバイダーの応答は使用できません
posted-text = プロバイダーが応答をフォームとして送信しました。このサービスは、このページのアドレスからのみ応答を読み取ります。何も連携されていません。
posted-advice = <a>このサービスの運営者</a>にお知らせください。プロバイダーは response_mode=query を使用する必要があります。

prefetch-heading = 続けるにはこのページを読み込んでください
prefetch-text = ブラウザーがこのページを先読みしました。まだ何も行われていません。
prefetch-advice = このページをもう一度読み込んでください。

too-many-heading = 誤ったコードが多すぎます
too-many-text = コードを推測されないよう、このページではしばらくの間、あなたのネットワークからのコードを受け付けません。
too-many-advice = { $wait }待ってから、もう一度お試しください。その時には新しいコードが必要になる場合があります。

crowded-heading = 多くの人がアカウントを連携しています
crowded-text = ほかの人（同じネットワークの人かもしれません）の手続きがまだ終わっていません。コードは引き続き有効です。
crowded-advice = { $wait }待ってから、もう一度コードを入力してください。

relink-gone-heading = このリンクは使えません
relink-gone-advice = リンクを送ってきた人に、新しいリンクを依頼してください。
relink-unknown = リンクが途中で切れているか、誰かに変更されています。何も行われていません。
relink-expired = リンクの有効期間は 7 日間で、すでに期限が切れています。何も行われていません。
relink-impossible = このアカウントは、リンクではもう連携し直せません。何も行われていません。

relink-done-heading = すでに完了しています
relink-done-text = リンクが作られた後に、このアカウントは連携し直されたか、削除されました。今回、リンクによる変更はありません。
relink-done-advice = このタブを閉じてもかまいません。

relink-crowded-heading = 多くの人がアカウントを連携しています
relink-crowded-text = ほかの人（同じネットワークの人かもしれません）の手続きがまだ終わっていません。リンクは引き続き有効です。
relink-crowded-advice = { $wait }待ってから、もう一度リンクを開いてください。

unavailable-provider-heading = プロバイダーが応答しません
unavailable-service-heading = サービスを利用できません
unavailable-text = このページに必要なものが、現在応答していません。コードは引き続き有効です。
unavailable-advice = しばらく待ってから、このページをもう一度読み込んでください。

not-configured-heading = このプロバイダーは利用できなくなりました
not-configured-text = 運営者が、このコードのプロバイダーをこのサービスから削除しました。
not-configured-advice = <a>このサービスの運営者</a>にお知らせいただくか、プログラムで新しいコードを取得してください。

broken-heading = 問題が発生しました
broken-text = これはサービスのエラーであり、あなたの操作が原因ではありません。
broken-advice = <a>このサービスの運営者</a>にお知らせください。原因はログに記録されています。

no-form-heading = フォームを読み取れませんでした
no-form-type = フォームは application/x-www-form-urlencoded 形式（UTF-8）で送信してください。
no-form-too-large = フォームが大きすぎます。
no-form-incomplete = フォームの内容が不完全です。
no-form-action = action は look_up、confirm、cancel、disown のいずれかにしてください。
no-form-advice = ブラウザーでこのページを開き、そこでコードを入力してください。
