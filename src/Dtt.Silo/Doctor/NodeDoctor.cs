using System.Net;
using Dtt.Abstractions;
using Dtt.Core.Errors;

namespace Dtt.Silo.Doctor;

/// <summary>
/// Examines the node that this process runs on, in a silo or on its own (<c>dtt-silo --examine</c>): a row of the table is a check, which says what it found,
/// finds that it does not apply (null), or throws what is wrong and what to do about it.
/// </summary>
internal static class NodeDoctor
{
    /// <summary>What the silo's program is called with to examine its machine and print that as JSON.</summary>
    public const string Option = "--examine";

    private static readonly (string Name, Func<ExaminedNode, Task<string?>> Check)[] _checks =
    [
        (".NET", _ => Now(ProgramChecks.Dotnet())),
        ("folders", _ => Now(FolderChecks.Folders())),
        ("disk", _ => Now(FolderChecks.Disk())),
        ("certificates", _ => Now(FolderChecks.Certificates())),
        ("alerts", _ => Now(FolderChecks.Alerts())),
        ("store", _ => ServiceChecks.StoreAsync()),
        ("settings", n => Now(ServiceChecks.Settings(n))),
        ("nodes", n => ServiceChecks.PeersAsync(n)),
        ("silo", n => Now(ServiceChecks.Silo(n))),
        ("ranks", _ => Now(ServiceChecks.Ranks())),
        ("libtorch", _ => ProgramChecks.TorchAsync()),
        ("open files", _ => Now(LimitChecks.OpenFiles())),
        ("processes", _ => Now(LimitChecks.Processes())),
        ("memory", _ => Now(LimitChecks.Memory())),
        ("cores", _ => Now(LimitChecks.Cores())),
        ("shared memory", _ => Now(LimitChecks.SharedMemory())),
    ];

    /// <summary>Makes every check.</summary>
    /// <param name="name">The node's name.</param>
    /// <param name="node">What is known of it.</param>
    /// <param name="time">The node's clock.</param>
    public static async Task<NodeExam> ExamineAsync(string name, ExaminedNode node, TimeProvider time)
    {
        var at = time.GetUtcNow();
        var results = await Task.WhenAll(_checks.Select(c => Task.Run(() => ResultAsync(c.Name, c.Check, node))));
        // A fault that several run into is told once.
        return new NodeExam(name, at, [.. results.OfType<CheckResult>().DistinctBy(r => r.Fault ? r.Found : r.Check)]);
    }

    private static async Task<CheckResult?> ResultAsync(string name, Func<ExaminedNode, Task<string?>> check, ExaminedNode node)
    {
        try
        {
            return await check(node) is { } found ? new CheckResult(name, found, Fault: false) : null;
        }
        catch (Exception e) when (e is UserErrorException or IOException or UnauthorizedAccessException)
        {
            return new CheckResult(name, e.Message, Fault: true);
        }
        catch (Exception e) // a machine that is ill enough, and the other checks tell what they find
        {
            return new CheckResult(name, $"could not be checked: {e.Message}", Fault: true);
        }
    }

    private static Task<string?> Now(string? found) => Task.FromResult(found);
}

/// <summary>What is known of the node that is examined.</summary>
/// <param name="Serves">Whether a silo serves it in this process: then the ports are its own.</param>
/// <param name="Peers">Where the other silos of the platform listen, by the names of their nodes.</param>
internal sealed record ExaminedNode(bool Serves, IReadOnlyDictionary<string, IPEndPoint> Peers)
{
    /// <summary>A node of which no silo is known.</summary>
    public static ExaminedNode Alone { get; } = new(Serves: false, new Dictionary<string, IPEndPoint>());
}
