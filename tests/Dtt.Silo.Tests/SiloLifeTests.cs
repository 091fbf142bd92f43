using System.Net;
using System.Net.Sockets;
using Dtt.Client;
using Dtt.Core.Platform;
using Dtt.Core.Storage;
using Dtt.Silo.Hosting;
using Dtt.Tests;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Tests;

/// <summary>How silos begin and end, and what is said when they cannot begin.</summary>
public sealed class SiloLifeTests : IDisposable
{
    private readonly SiloProcess _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task TwoCommandsAtOnce_StartOneSilo()
    {
        var commands = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => new[] { _silo.Dtt(["silo", "status"]), _silo.Dtt(["runs"]) })));
        Assert.All(commands.SelectMany(c => c), command => Assert.Equal((0, ""), (command.Code, command.Code == 0 ? "" : command.Error)));
        Assert.Contains($"process {_silo.Process}", _silo.Dtt(["silo", "status"]).Output);
    }

    [Fact]
    public async Task Idle_EndsByItself_AndALeftAnnouncementMisleadsNobody()
    {
        Assert.Equal(0, _silo.Dtt(["runs"], ("DTT_IDLE_SECONDS", "4")).Code);
        var file = Path.Combine(_silo.State, "silo.json");
        var announcement = File.ReadAllText(file);
        var silo = SiloAnnouncement.FindLiving(file)!;
        await SiloStarter.WaitForEndAsync(silo, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(file));
        File.WriteAllText(file, announcement);
        Assert.Contains("no silo is running for", _silo.Dtt(["silo", "status"]).Output);
        Assert.Equal(0, _silo.Dtt(["runs"]).Code);
    }

    [Fact]
    public async Task CommandsThatMeetAnIdleEnd_AllSucceed()
    {
        LongTests.Only();
        var codes = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            Enumerable.Range(0, 3).Select(_ => _silo.Dtt(["runs"], ("DTT_IDLE_SECONDS", "1")).Code).ToList())));
        Assert.All(codes.SelectMany(c => c), code => Assert.Equal(0, code));
    }

    [Fact]
    public async Task ASiloThatEnds_HandsItsLockToTheNext()
    {
        // As a silo between the end of its announcement and its own: it holds the lock and announces nothing.
        Directory.CreateDirectory(_silo.State);
        Task<(int Code, string Output, string Error)> command;
        using (FileLock.TryAcquire(Path.Combine(_silo.State, "silo.lock"))!)
        {
            command = Task.Run(() => _silo.Dtt(["runs"]));
            Assert.True(SpinWait.SpinUntil(() => File.Exists(Path.Combine(_silo.State, "silo.log")), TimeSpan.FromMinutes(1)), "no silo came for the lock");
            Assert.False(command.IsCompleted);
        }

        Assert.Equal(0, (await command).Code);
    }

    [Fact]
    public void AStateOfAnotherMachinesSilo_IsRefused()
    {
        Directory.CreateDirectory(_silo.State);
        var other = SiloAnnouncement.OfThisProcess("n1", IPAddress.Loopback, 1, 2, "build", store: null) with { BootId = "another" };
        other.Save(Path.Combine(_silo.State, "silo.json"));
        using var held = FileLock.TryAcquire(Path.Combine(_silo.State, "silo.lock"))!;
        var result = _silo.Dtt(["runs"]);
        Assert.Equal(2, result.Code);
        Assert.Contains("is the state of the silo on n1, another machine", result.Error);
    }

    [Fact]
    public async Task AnnouncementOfAnEarlierBoot_IsGone_AsSoonAsTheNextSiloHasTheLock()
    {
        var folders = new PlatformFolders(_silo.Home, _silo.State);
        Directory.CreateDirectory(_silo.State);
        (SiloAnnouncement.OfThisProcess("n1", IPAddress.Loopback, 1, 2, "build", store: null) with { BootId = "earlier" }).Save(folders.AnnouncementFile);
        using var only = await SoleSilo.AcquireAsync(folders);
        Assert.NotNull(only);
        Assert.False(File.Exists(folders.AnnouncementFile), "another that starts meanwhile would take this one for another machine's");
    }

    [Fact]
    public void DamagedState_IsNamed_AndNothingIsChanged()
    {
        Assert.Equal(0, _silo.Dtt(["runs"]).Code);
        Assert.Equal(0, _silo.Dtt(["silo", "stop"]).Code);
        var file = Path.Combine(_silo.State, "platform.db");
        var damage = new byte[8192];
        new Random(1).NextBytes(damage);
        File.WriteAllBytes(file, damage);
        var result = _silo.Dtt(["runs"]);
        Assert.Equal(3, result.Code);
        Assert.Contains($"{file} is damaged", result.Error);
        Assert.Contains("Put back a backup", result.Error);
        Assert.Equal(damage, File.ReadAllBytes(file));
    }

    [Fact]
    public void LockedState_IsNamed()
    {
        Assert.Equal(0, _silo.Dtt(["runs"]).Code);
        Assert.Equal(0, _silo.Dtt(["silo", "stop"]).Code);
        using var other = new SqliteConnection($"Data Source={Path.Combine(_silo.State, "platform.db")};Pooling=false");
        other.Open();
        using var command = other.CreateCommand();
        command.CommandText = "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE Run SET Version = Version";
        command.ExecuteNonQuery();
        var result = _silo.Dtt(["runs"]);
        Assert.Equal(1, result.Code);
        Assert.Contains("is locked by another program", result.Error);
    }

    [Fact]
    public void TakenPort_IsNamed()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var result = _silo.Dtt(["runs"], ("DTT_GATEWAY_PORT", $"{port}"));
        Assert.Equal(2, result.Code);
        Assert.Contains($"DTT_GATEWAY_PORT is {port}, and that port of 127.0.0.1 is taken", result.Error);
    }

    [Fact]
    public void SiloOfAnotherBuild_IsReplacedWhenIdle()
    {
        Assert.Equal(0, _silo.Dtt(["runs"]).Code);
        var (file, first) = (Path.Combine(_silo.State, "silo.json"), _silo.Process);
        File.WriteAllText(file, System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(file), "\"build\":\"[^\"]*\"", "\"build\":\"older\""));
        Assert.Equal(0, _silo.Dtt(["runs"]).Code);
        Assert.NotEqual(first, _silo.Process);
    }
}
