using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>The platform's state in a real PostgreSQL: the same weights as on SQLite, whoever is killed, and words where it cannot be used.</summary>
public sealed class PostgresTests(TinyProject project) : IClassFixture<TinyProject>, IAsyncLifetime
{
    private readonly TempFolder _home = new();
    private PostgresServer _server = null!;
    private DttProgram _dtt = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _dtt = new DttProgram(project.Path, _home["home"], await _server.CreateDatabaseAsync());
    }

    public async ValueTask DisposeAsync()
    {
        if (_dtt is not null) await _dtt.EndSiloAsync();
        if (_server is not null) await _server.DisposeAsync();
        _home.Dispose();
    }

    [Fact]
    public async Task ARun_HasTheWeightsOfSqlite_AndNobodyElseGetsThePassword()
    {
        const string run = "on-postgres";
        using (var dtt = _dtt.Start(["train", "-n", run]))
        {
            // A child that has not yet become a rank still has the silo's environment.
            var rank = await Wait.ForAsync("a rank", () => _dtt.Silo is { } silo && Processes.ChildrenOf(silo) is [var one, ..]
                && File.ReadAllText($"/proc/{one}/cmdline").Contains("dtt-rank") ? one : (int?)null);
            Assert.DoesNotContain("DTT_POSTGRES", File.ReadAllText($"/proc/{rank}/environ"));
            Assert.DoesNotContain(PostgresServer.Password, File.ReadAllText($"/proc/{_dtt.Silo}/cmdline"));
            Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        }

        await project.CheckUndisturbedAsync(run, _dtt);
        var state = Path.Combine(_dtt.Home, "state");
        Assert.Equal(["silo.json", "silo.lock", "silo.log"], Directory.EnumerateFiles(state).Select(Path.GetFileName).Order());
        foreach (var password in new[] { PostgresServer.Password, Uri.EscapeDataString(PostgresServer.Password) })
        {
            Assert.DoesNotContain(password, await _dtt.OutputAsync("silo", "logs"));
            Assert.DoesNotContain(password, File.ReadAllText(Path.Combine(state, "silo.json")));
        }

        Assert.Contains($"in PostgreSQL at 127.0.0.1:{_server.Port}/", await _dtt.OutputAsync("silo", "status"));
    }

    [Fact]
    public async Task AServerKilledAmidARun_HoldsUpNoStep_AndTheRunGoesOnWhenItIsBack()
    {
        LongTests.Only();
        const string run = "server-killed";
        using var dtt = _dtt.Start(["train", "-n", run]);
        await Wait.ForAsync("step 3", () => project.StepsReported(run) >= 3);
        await _server.KillAsync();
        await Wait.ForAsync("steps that need no server", () => project.StepsReported(run) >= 15);
        await _server.RestartAsync();
        var result = await dtt.WaitAsync();
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Empty(TinyProject.EventsOf(await _dtt.JsonAsync("show", run), "died"));
        await project.CheckUndisturbedAsync(run, _dtt);
    }

    [Fact]
    public async Task ServerAndSiloKilled_TheRunGoesOnWithTheNextOfBoth()
    {
        LongTests.Only();
        const string run = "both-killed";
        await _dtt.OutputAsync("train", "-n", run, "--detach");
        await Wait.ForAsync("step 13", () => project.StepsReported(run) >= 13);
        await _server.KillAsync();
        await _dtt.KillSiloAsync();
        var refused = await _dtt.RunAsync("runs");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"PostgreSQL at 127.0.0.1:{_server.Port}/", refused.Error);
        Assert.Contains("does not answer", refused.Error);
        await _server.RestartAsync();
        await _dtt.RunAsync("attach", run);
        await project.CheckUndisturbedAsync(run, _dtt);
    }

    /// <summary>Also a grain that has to read its state first, which no call of it has reached yet.</summary>
    [Fact]
    public async Task AServerThatIsAway_IsNamedByEveryCommand()
    {
        LongTests.Only();
        await _dtt.OutputAsync("train", "-n", "kept", "--set", "max_steps=2");
        await _dtt.EndSiloAsync();
        await _dtt.OutputAsync("runs");
        await _server.KillAsync();
        foreach (var command in new[] { "runs", "nodes", "show kept", "resume kept", "train -n new", "tokenize", "datasets" })
        {
            var told = await _dtt.RunAsync(command.Split(' '));
            Assert.True(told.ExitCode == 1, $"{command}: {told.ExitCode} {told.Error}");
            Assert.StartsWith($"the platform's state in PostgreSQL at 127.0.0.1:{_server.Port}/", told.Error);
        }

        Assert.DoesNotContain("bug in DTT", (await _dtt.RunAsync("queue")).Error); // it may know its state already
    }

    [Fact]
    public async Task ACommandWithAnotherStore_ReplacesAnIdleSilo_AndIsToldByABusyOne()
    {
        const string run = "busy-on-postgres";
        var sqlite = new DttProgram(project.Path, _dtt.Home);
        await sqlite.OutputAsync("runs");
        var replaced = await _dtt.RunAsync("runs");
        Assert.Equal(0, replaced.ExitCode);
        Assert.Contains($"the idle silo, which kept its state in SQLite, is replaced by one with PostgreSQL at 127.0.0.1:{_server.Port}/", replaced.Error);
        await _dtt.OutputAsync("train", "-n", run, "-e", "1000", "--set", "max_steps=100000", "--detach");
        await Wait.ForAsync("step 1", () => project.StepsReported(run) >= 1);
        var told = await sqlite.RunAsync("runs");
        Assert.Equal(2, told.ExitCode);
        Assert.Contains($"is busy and keeps its state in PostgreSQL at 127.0.0.1:{_server.Port}/", told.Error);
        Assert.Contains("but this command's in SQLite. Set DTT_POSTGRES as that silo has it", told.Error);
        Assert.DoesNotContain(PostgresServer.Password, told.Error);
        await sqlite.OutputAsync("silo", "stop", "--force"); // ends it whatever the store
    }
}
