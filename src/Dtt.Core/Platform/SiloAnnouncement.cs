using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Storage;

namespace Dtt.Core.Platform;

/// <summary>
/// <c>silo.json</c>: the silo that serves a state folder; of a cluster also <c>cluster/NODE.json</c> in the home that its nodes share. It identifies the
/// process by number, start time, boot and process space, so a later process with the same number, or one of another machine, is not mistaken for it.
/// </summary>
public sealed record SiloAnnouncement
{
    private static readonly TimeSpan _answerTimeout = TimeSpan.FromSeconds(2);

    /// <summary>The line on standard error by which a starting silo says that it accepts clients; any other line says why it does not.</summary>
    public const string ReadyLine = "ready";

    /// <summary>The process.</summary>
    public required int Process { get; init; }

    /// <summary>When the kernel started it, in clock ticks since boot.</summary>
    public required long StartTicks { get; init; }

    /// <summary>The boot it belongs to.</summary>
    public required string BootId { get; init; }

    /// <summary>
    /// The kernel's name for the space of process numbers that it lives in: machines of one boot may be containers; null in files of older builds.
    /// </summary>
    public string? ProcessSpace { get; init; }

    /// <summary>The node's name in its cluster; files of older builds, which knew none, are of this machine.</summary>
    public string Node { get => field ?? Environment.MachineName; init; }

    /// <summary>The address of its ports; loopback unless it is of a cluster, and in files of older builds.</summary>
    public string Address { get => field ?? IPAddress.Loopback.ToString(); init; }

    /// <summary>Port of the gateway, for clients.</summary>
    public required int GatewayPort { get; init; }

    /// <summary>Port for silos.</summary>
    public required int SiloPort { get; init; }

    /// <summary>The build that it runs.</summary>
    public required string Build { get; init; }

    /// <summary>Where its PostgreSQL database is (<see cref="PostgresAddress.Name"/>, which holds no secret); null: SQLite, in this folder.</summary>
    public string? Store { get; init; }

    /// <summary>The Slurm job that it runs in, if any.</summary>
    public string? Job { get; init; }

    /// <summary>Which life of that job, from 0: a requeue begins the next; null where there is no job, and in files of older builds.</summary>
    public int? Life { get; init; }

    /// <summary>When it was announced first; null in files of older builds.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>Where clients connect.</summary>
    [JsonIgnore]
    public IPEndPoint Gateway => new(IPAddress.Parse(Address), GatewayPort);

    /// <summary>Whether its process lives, as far as this machine can tell: one of another machine may.</summary>
    [JsonIgnore]
    public bool MayLive => !IsOfHere || Lives;

    /// <summary>Whether it is of this machine, and of this life of it.</summary>
    [JsonIgnore]
    public bool IsOfHere => BootId == CurrentBootId() && (ProcessSpace ?? CurrentProcessSpace()) == CurrentProcessSpace();

    /// <summary>Whether its gateway takes a connection, within two seconds.</summary>
    public async Task<bool> AnswersAsync(CancellationToken cancellation)
    {
        if (!MayLive) return false;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(_answerTimeout);
        try
        {
            using var probe = new TcpClient(Gateway.AddressFamily);
            await probe.ConnectAsync(Gateway, timeout.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private bool Lives => StartTicksOf(Process) == StartTicks;

    /// <summary>Writes the file in one step.</summary>
    public void Save(string file) => DurableFile.Replace(file, JsonSerializer.SerializeToUtf8Bytes(this, AnnouncementJson.Default.SiloAnnouncement));

    /// <summary>The announcement in a file, or null when there is no whole one.</summary>
    public static SiloAnnouncement? Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), AnnouncementJson.Default.SiloAnnouncement);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The silo that is announced in a file of this machine if it lives, else null.</summary>
    public static SiloAnnouncement? FindLiving(string file) => Read(file) is { IsOfHere: true, Lives: true } found ? found : null;

    /// <summary>The announcement of this process, which says where it is reached.</summary>
    public static SiloAnnouncement OfThisProcess(string node, IPAddress address, int gatewayPort, int siloPort, string build, string? store) => new()
    {
        Process = Environment.ProcessId,
        StartTicks = StartTicksOf(Environment.ProcessId) ?? 0,
        BootId = CurrentBootId(),
        ProcessSpace = CurrentProcessSpace(),
        Node = node,
        Address = address.ToString(),
        GatewayPort = gatewayPort,
        SiloPort = siloPort,
        Build = build,
        Store = store,
        Job = SlurmJob.Id,
        Life = SlurmJob.Life,
        StartedAt = TimeProvider.System.GetUtcNow(),
    };

    /// <summary>When the kernel started a process, in clock ticks since boot; null when there is no such process or it is a zombie.</summary>
    public static long? StartTicksOf(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] == "Z" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string CurrentProcessSpace() => File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false)?.Name ?? "";

    private static string CurrentBootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}

/// <summary>The JSON of <c>silo.json</c>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SiloAnnouncement))]
internal sealed partial class AnnouncementJson : JsonSerializerContext;
