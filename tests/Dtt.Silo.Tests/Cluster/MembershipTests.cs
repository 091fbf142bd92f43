using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Dtt.Core.Platform;
using Dtt.Silo.Tests.Storage;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Cluster;

/// <summary>Two real silos of one platform: how they join, see each other, die and come back.</summary>
public sealed class MembershipTests(PostgresFixture postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private const string A = "127.0.0.2", B = "127.0.0.3";
    private PostgresServer _server = null!;
    private string _database = null!;
    private TestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await postgres.ServerAsync();
        _database = await _server.CreateDatabaseAsync();
        _cluster = new TestCluster(_database);
    }

    public ValueTask DisposeAsync()
    {
        _cluster?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task TwoSilos_SeeEachOther_AndACommandFindsThemByTheirHome()
    {
        await _cluster.StartAsync("a", A);
        var b = await _cluster.StartAsync("b", B, ("SLURM_JOB_ID", "77"));
        var nodes = (await _cluster.JsonAsync("nodes")).EnumerateArray().ToList();
        Assert.Equal(["a alive 127.0.0.2", "b alive 127.0.0.3"], nodes.Select(n =>
            $"{n.GetProperty("node").GetString()} {n.GetProperty("state").GetString()} {n.GetProperty("address").GetString()}"));
        Assert.Equal((b.Process, "77", Environment.ProcessorCount), (nodes[1].GetProperty("process").GetInt32(), nodes[1].GetProperty("job").GetString(),
            nodes[1].GetProperty("cores").GetInt32()));
        Assert.Contains("cpu: free", nodes[0].GetProperty("devices").EnumerateArray().Select(d => d.GetString()));
        Assert.Contains("127.0.0.3", await _cluster.OutputAsync("nodes"));
        Assert.False(File.Exists(Path.Combine(_cluster["client"], "silo.json")), "a silo was started beside the cluster");

        var elsewhere = await _cluster.DttAsync(["nodes", "--json", "--cluster", _cluster.Home], [("DTT_HOME", _cluster["other"])]);
        Assert.Contains("\"b\"", elsewhere.Output);
        var none = await _cluster.DttAsync(["nodes", "--cluster", _cluster["other"]], []);
        Assert.Equal(2, none.Code);
        Assert.Contains("no cluster is announced", none.Error);
    }

    [Fact]
    public async Task Doctor_ExaminesEveryNode_AndNamesTheOneThatDoesNotAnswer()
    {
        await _cluster.StartAsync("a", A);
        var b = await _cluster.StartAsync("b", B);
        var (code, output, error) = await _cluster.DttAsync("doctor", "--json");
        var checks = JsonDocument.Parse(output).RootElement.EnumerateArray()
            .ToDictionary(c => $"{c.GetProperty("node").GetString()} {c.GetProperty("check").GetString()}", c => c.GetProperty("found").GetString()!);
        Assert.True(code == 0 || output.Contains("live on without their silo", StringComparison.Ordinal), $"{output}{error}"); // other tests kill silos
        Assert.Equal(("as here", "1 other is reached"), (checks["a clock"], checks["b nodes"]));
        Assert.StartsWith("PostgreSQL ", checks["b store"]);
        Assert.DoesNotContain("not/for@logs", output);

        await b.SignalAsync("KILL");
        (code, output, _) = await _cluster.DttAsync("doctor");
        Assert.Equal(1, code);
        Assert.Matches("b +cluster +FAULT +announced at 127.0.0.3:[0-9]+, and it does not answer: start it again, or forget it", output);
    }

    [Fact]
    public async Task KilledSilo_IsNoticed_AndCommandsGoOnByTheOther()
    {
        var a = await _cluster.StartAsync("a", A);
        var b = await _cluster.StartAsync("b", B);
        await a.SaidAsync("node b has joined");
        var killed = Stopwatch.GetTimestamp();
        await b.SignalAsync("KILL");
        var noticed = await a.SaidAsync("node b is gone");
        output.WriteLine($"noticed after {Stopwatch.GetElapsedTime(killed, noticed).TotalSeconds:0.0} s");
        Assert.Equal("a alive, b dead", await _cluster.StatesAsync());

        // Its file is left behind; it is passed over, and forgotten when somebody says so.
        Assert.Equal(2, Directory.GetFiles(_cluster.Folders.ClusterFolder).Length);
        Assert.Contains("1 node answers, 1 forgotten", (await _cluster.DttAsync("silo", "forget")).Error);
        Assert.Equal(["a.json"], Directory.GetFiles(_cluster.Folders.ClusterFolder).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public async Task AllKilled_AndStartedAgainOnOtherPorts_ServeAtOnce()
    {
        LongTests.Only();
        var (a, b) = (await _cluster.StartAsync("a", A), await _cluster.StartAsync("b", B));
        await a.SignalAsync("KILL");
        await b.SignalAsync("KILL");
        await Task.WhenAll(a.ExitAsync(), b.ExitAsync());
        var none = await _cluster.DttAsync("nodes");
        Assert.Equal(75, none.Code);
        Assert.Contains("no node of the cluster", none.Error);
        Assert.Contains("a (127.0.0.2:", none.Error);
        Assert.Contains("dtt silo forget", none.Error);

        var clock = Stopwatch.StartNew();
        await Task.WhenAll(_cluster.StartAsync("a", A), _cluster.StartAsync("b", B));
        output.WriteLine($"both serve after {clock.Elapsed.TotalSeconds:0.0} s");
        await Wait.UntilAsync("both", async () => await _cluster.StatesAsync() == "a alive, b alive");
    }

    [Fact]
    public async Task AnotherProgramAtANodesPort_IsPassedOver()
    {
        await _cluster.StartAsync("a", A);
        using var other = new TcpListener(IPAddress.Parse(B), 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        ClusterFolder.Add(_cluster.Folders, _cluster.AnnouncementOf("a") with { Node = Environment.MachineName, Address = B, GatewayPort = port });
        Assert.Equal("a alive", await _cluster.StatesAsync());
    }

    [Fact]
    public async Task SiloThatWasDeclaredDead_EndsWhenItLearnsOfIt_ToBeStartedAgain()
    {
        var (a, b) = (await _cluster.StartAsync("a", A), await _cluster.StartAsync("b", B));
        await b.SignalAsync("STOP");
        await a.SaidAsync("node b is gone");
        await b.SignalAsync("CONT");
        Assert.Equal(75, await b.ExitAsync());
        Assert.Contains("this silo cannot go on", b.Log);
        Assert.Equal(["a.json"], Directory.GetFiles(_cluster.Folders.ClusterFolder).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public async Task Terminated_DrainsAndEndsWell()
    {
        var (a, b) = (await _cluster.StartAsync("a", A), await _cluster.StartAsync("b", B));
        await b.SignalAsync("TERM");
        Assert.Equal(0, await b.ExitAsync());
        Assert.Contains("shutting down", b.Log);
        await a.SaidAsync("node b is gone");
        Assert.Equal(["a.json"], Directory.GetFiles(_cluster.Folders.ClusterFolder).Select(f => Path.GetFileName(f)));
        Assert.Equal("a alive, b dead", await _cluster.StatesAsync());
    }

    [Fact]
    public async Task NameThatLives_IsRefused()
    {
        await _cluster.StartAsync("a", A);
        var second = _cluster.Start("a", B);
        Assert.False(await second.ServesAsync());
        Assert.Equal(75, await second.ExitAsync());
        Assert.Contains("node 'a' (machine ", second.Log);
        Assert.Contains("name this one with DTT_NODE", second.Log);
    }

    [Theory]
    [InlineData("a", A, "a", B, 75, "node 'a' (machine ")]     // one name
    [InlineData("a", null, "b", null, 2, "Set DTT_ADDRESS")] // a silo without an address is alone in its platform
    public async Task SilosThatCannotBothBe_StartedAtOnce_OneServesAndTheOtherIsRefused(
        string first, string? firstAddress, string second, string? secondAddress, int code, string expected)
    {
        LongTests.Only();
        for (var i = 0; i < 2; i++)
        {
            var silos = new[] { _cluster.Start(first, firstAddress), _cluster.Start(second, secondAddress) };
            var serve = await Task.WhenAll(silos.Select(s => s.ServesAsync()));
            Assert.True(serve.Count(s => s) == 1, string.Join("\n", silos.Select(s => s.Log)));
            var (serving, refused) = serve[0] ? (silos[0], silos[1]) : (silos[1], silos[0]);
            Assert.Equal(code, await refused.ExitAsync());
            Assert.Contains(expected, refused.Log);
            await serving.SignalAsync("KILL");
            await serving.ExitAsync();
        }
    }

    [Fact]
    public async Task SiloWithoutAnAddress_IsRefusedBesideOthers()
    {
        LongTests.Only();
        await _cluster.StartAsync("a", A);
        var alone = _cluster.Start("b", null);
        Assert.False(await alone.ServesAsync());
        Assert.Equal(2, await alone.ExitAsync());
        Assert.Contains("Set DTT_ADDRESS", alone.Log);
    }

    [Fact]
    public async Task AnotherCluster_InTheSameDatabase_IsRefused()
    {
        var a = await _cluster.StartAsync("a", A);
        await a.SignalAsync("TERM");
        await a.ExitAsync();
        await _server.SqlAsync(_database[(_database.LastIndexOf('/') + 1)..], "INSERT INTO dtt.membershipversion VALUES ('other', now(), 1)");
        var refused = _cluster.Start("a", A);
        Assert.False(await refused.ServesAsync());
        Assert.Equal(3, await refused.ExitAsync());
        Assert.Contains("holds the platform of cluster 'other'", refused.Log);
    }

    [Fact]
    public async Task Garbage_IsRefusedAndLogged_AndTheNodesStayHealthy()
    {
        LongTests.Only();
        var (a, _) = (await _cluster.StartAsync("a", A), await _cluster.StartAsync("b", B));
        var silo = _cluster.AnnouncementOf("a");
        var (garbage, open) = (new byte[512], new List<TcpClient>());
        new Random(7).NextBytes(garbage);
        for (var i = 0; i < 500; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync(A, i % 2 == 0 ? silo.GatewayPort : silo.SiloPort);
            await client.GetStream().WriteAsync(garbage);
            open.Add(client);
        }

        await a.SaidAsync("refused a connection from ");
        Assert.Equal("a alive, b alive", await _cluster.StatesAsync());
        foreach (var client in open) client.Dispose();
        Assert.DoesNotContain("is gone", a.Log);
    }

    [Theory]
    [InlineData("DTT_ADDRESS", "203.0.113.9", "is no address of this machine")]
    [InlineData("DTT_ADDRESS", "0.0.0.0", "is no one address")]
    [InlineData("DTT_ADDRESS", "no.such.name.invalid", "its interfaces are ")]
    [InlineData("DTT_NODE", "a/b", "the node's name is 'a/b'")]
    [InlineData("DTT_POSTGRES", "", "DTT_POSTGRES is not set")]
    public async Task WhatCannotBe_IsSaid(string variable, string value, string expected)
    {
        var node = _cluster.Start("a", A, (variable, value)); // the variable is set last
        Assert.False(await node.ServesAsync());
        Assert.Equal(2, await node.ExitAsync());
        Assert.Contains(expected, node.Log);
    }
}
