using System.Collections.Concurrent;
using System.Text.Json;
using Dtt.Core.Alerts;
using Dtt.Core.Platform;
using Dtt.Grains.Alerts;
using Dtt.Silo.Alerts;
using Dtt.Tests;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Tests.Alerts;

public sealed class AlertSenderTests : IDisposable
{
    private static readonly Alert _alert = new(AlertKind.Failed, "/runs/r", DateTimeOffset.UnixEpoch, "the loss is not a number");
    private readonly TempFolder _folder = new();
    private readonly AlertQueue _queue = new();
    private readonly LogLines _log = new();

    [Fact]
    public async Task Webhook_ThatIsBusyTwice_GetsTheAlertInTheEnd()
    {
        await using var server = new LoopbackServer(n => n < 3 ? 503 : 200);
        await using var sender = await StartAsync($"alerts:\n- webhook: http://127.0.0.1:{server.Port}/hook/SECRET\n");
        _queue.Raise(_alert);
        await Wait.ForAsync("three tries", () => server.Requests.Count == 3);
        var (path, body) = server.Requests.Last();
        Assert.Equal("/hook/SECRET", path);
        var json = JsonDocument.Parse(body).RootElement;
        Assert.Equal("DTT run r failed: the loss is not a number", json.GetProperty("text").GetString());
        Assert.Equal(json.GetProperty("text").GetString(), json.GetProperty("content").GetString());
    }

    [Fact]
    public async Task Webhook_ThatRefuses_IsTriedOnce_AndTheLogKeepsItsAddressSecret()
    {
        await using var server = new LoopbackServer(_ => 404);
        await using var sender = await StartAsync($"alerts:\n- webhook: http://127.0.0.1:{server.Port}/hook/SECRET\n");
        _queue.Raise(_alert);
        await Wait.ForAsync("the log", () => _log.Has("was not delivered: 127.0.0.1 answered 404"));
        Assert.Single(server.Requests);
        Assert.False(_log.Has("SECRET"));
        Assert.True(_log.Has("the alert 'failed' of " + _folder["platform.yaml"] + ":2"));
    }

    [Fact]
    public async Task Webhook_ThatNobodyServes_IsGivenUp_AndTheOthersAreTold()
    {
        var gone = new LoopbackServer();
        await gone.DisposeAsync();
        await using var server = new LoopbackServer();
        await using var sender = await StartAsync(
            $"alerts:\n- webhook: http://127.0.0.1:{gone.Port}/SECRET\n- webhook: http://127.0.0.1:{server.Port}/\n");
        _queue.Raise(_alert);
        await Wait.ForAsync("the other's alert", () => server.Requests.Count == 1);
        await Wait.ForAsync("the log", () => _log.Has("127.0.0.1 cannot be reached: ConnectionError"));
        Assert.False(_log.Has("SECRET"));
    }

    [Fact]
    public async Task Command_GetsTheJsonOnItsInput_WithoutTheDatabasesPassword()
    {
        var program = _folder.Write("tell.sh", "#!/bin/sh\nread -r line\n"
            + "echo \"$1 $PGPASSWORD$DTT_POSTGRES\" > told.tmp\necho \"$line\" >> told.tmp\nmv told.tmp \"$2\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await using var sender = await StartAsync($"alerts:\n- command: [/bin/sh, {program}, \"two words\", {_folder["told"]}]\n  on: [failed]\n");
        _queue.Raise(_alert with { Kind = AlertKind.Completed });
        _queue.Raise(_alert);
        await Wait.ForAsync("the file", () => File.Exists(_folder["told"]));
        var lines = await File.ReadAllLinesAsync(_folder["told"], TestContext.Current.CancellationToken);
        Assert.Equal("two words ", lines[0]);
        Assert.Equal("failed", JsonDocument.Parse(lines[1]).RootElement.GetProperty("kind").GetString());
    }

    [Theory]
    [InlineData("[/bin/sh, -c, \"exit 7\"]", "/bin/sh ended with exit code 7")]
    [InlineData("[/no/such/program]", "/no/such/program cannot be started: ")]
    public async Task Command_ThatFails_IsInTheLog(string command, string expected)
    {
        await using var sender = await StartAsync($"alerts:\n- command: {command}\n");
        _queue.Raise(_alert);
        await Wait.ForAsync("the log", () => _log.Has(expected));
    }

    [Fact]
    public async Task Command_ThatLeavesSomethingRunning_IsNotWaitedFor()
    {
        await using (await StartAsync($"alerts:\n- command: [/bin/sh, -c, \"echo told >> {_folder["told"]}; sleep 30 &\"]\n"))
        {
            _queue.Raise(_alert);
            await Wait.ForAsync("the file", () => File.Exists(_folder["told"]));
        }

        Assert.False(_log.Has("was not delivered"));
    }

    [Fact]
    public async Task End_WhileATryIsToBeMadeAgain_WaitsForIt()
    {
        await using var server = new LoopbackServer(n => n < 3 ? 503 : 200);
        await using (await StartAsync($"alerts:\n- webhook: http://127.0.0.1:{server.Port}/\n")) _queue.Raise(_alert);
        Assert.Equal(3, server.Requests.Count);
        Assert.False(_log.Has("was not delivered"));
    }

    [Fact]
    public async Task File_ThatCannotBeReadAtFirst_IsReadOnceItCan()
    {
        Directory.CreateDirectory(_folder["platform.yaml"]);
        await using var sender = await StartSenderAsync();
        Assert.True(_log.Has("the alerts cannot be read for now"));
        Directory.Delete(_folder["platform.yaml"]);
        Write("alerts:\n- command: [/bin/true]\n", seconds: 1);
        await Wait.ForAsync("the rule", () => _queue.Rules.Count == 1);
    }

    [Fact]
    public async Task File_ThatBecomesWrong_IsTold_AndTheRulesBeforeStay_UntilItIsRightAgain()
    {
        await using var sender = await StartAsync("alerts:\n- command: [/bin/true]\n");
        Write("alerts:\n- comand: [/bin/false]\n", seconds: 10);
        await Wait.ForAsync("the log", () => _log.Has("platform.yaml:2: alerts: unknown key 'comand'. Did you mean 'command'?"));
        Assert.Equal(["/bin/true"], Assert.Single(_queue.Rules).Command);
        Write("alerts:\n- command: [/bin/echo]\n", seconds: 20);
        await Wait.ForAsync("the new rule", () => _queue.Rules is [{ Command: ["/bin/echo"] }]);
        File.Delete(_folder["platform.yaml"]);
        await Wait.ForAsync("no rule", () => _queue.Rules.Count == 0);
    }

    [Fact]
    public async Task Queue_OfTooMany_DropsTheOldest()
    {
        _queue.Rules = [new AlertRule { Origin = "p:1" }];
        for (var i = 0; i < 300; i++) _queue.Raise(_alert with { Message = $"{i}" });
        Assert.Equal((44, 0), (_queue.TakeDropped(), _queue.TakeDropped()));
        await foreach (var (_, alert) in _queue.ReadAsync(TestContext.Current.CancellationToken))
        {
            Assert.Equal("44", alert.Message);
            break;
        }
    }

    public void Dispose() => _folder.Dispose();

    private void Write(string yaml, int seconds)
    {
        var path = _folder.Write("new.yaml", yaml);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddSeconds(seconds)); // a file system may not tell times this close from each other
        File.Move(path, _folder["platform.yaml"], overwrite: true);
    }

    private async Task<Running> StartAsync(string yaml)
    {
        Write(yaml, seconds: 1);
        return await StartSenderAsync();
    }

    private async Task<Running> StartSenderAsync()
    {
        var delivery = new AlertDelivery(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        var sender = new AlertSender(new PlatformFolders(_folder.Path, _folder.Path), _queue, delivery, TimeProvider.System, _log);
        await sender.StartAsync(TestContext.Current.CancellationToken);
        return new Running(sender, delivery);
    }

    private sealed record Running(AlertSender Sender, AlertDelivery Delivery) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Sender.StopAsync(CancellationToken.None);
            Sender.Dispose();
            Delivery.Dispose();
        }
    }

    private sealed class LogLines : ILogger<AlertSender>
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public bool Has(string text) => _lines.Any(l => l.Contains(text, StringComparison.Ordinal));

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue(formatter(state, exception) + exception);
    }
}
