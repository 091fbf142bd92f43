using System.Globalization;
using System.Text.Json;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Silo.Doctor;
using Dtt.Silo.Hosting;
using Dtt.Silo.Ranks;
using Dtt.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

// dtt-silo: the background process that owns a platform's work. Started by any command that needs it, or by `dtt silo run` in the foreground.
// Its standard error reports the start: that it accepts clients, or why it does not.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is [RankThreads.Option, var process]) return ThreadDump.Print(process);
if (args is [NodeDoctor.Option])
{
    var exam = await NodeDoctor.ExamineAsync(Environment.MachineName, ExaminedNode.Alone, TimeProvider.System);
    Console.WriteLine(JsonSerializer.Serialize(exam, PlatformJson.Default.NodeExam));
    return ExitCodes.Success;
}

var foreground = args is ["--foreground"];
try
{
    var (folders, postgres) = (PlatformFolders.FromEnvironment(), PostgresAddress.FromEnvironment());
    if (!foreground) Daemon.Detach(folders.LogFile);
    using var only = await SoleSilo.AcquireAsync(folders);
    if (only is null)
    {
        Console.Error.WriteLine($"another silo serves {folders.State}; see `dtt silo status`.");
        return ExitCodes.Requeue;
    }

    using var database = await Database.OpenAsync(folders, postgres);
    using var host = await SiloHost.StartAsync(folders, database, PlatformCertificates.Load(folders.TlsFolder));
    host.Services.GetRequiredService<Announcement>().Publish();
    if (foreground) Console.Error.WriteLine($"serving {folders.State}, process {Environment.ProcessId}; Ctrl+C ends it, and its ranks save first.");
    else Daemon.Ready();
    _ = LeaveAsync(host.Services.GetRequiredService<SiloLife>());
    await host.WaitForShutdownAsync();
    return ExitCodes.Success;
}
catch (UserErrorException e)
{
    Console.Error.WriteLine(e.Message);
    return e.ExitCode;
}
catch (Exception e)
{
    Console.Error.WriteLine(e is IOException or UnauthorizedAccessException
        ? $"the silo cannot start: {e.Message.TrimEnd('.')}. `dtt doctor` looks at its folders; DTT_HOME and DTT_STATE name others."
        : $"the silo cannot start, and this is a bug in DTT; please report it with what follows.{Environment.NewLine}{e}");
    return ExitCodes.Failure;
}

// The others are told of the end by a database that may be away; they also notice that nobody answers.
static async Task LeaveAsync(SiloLife life)
{
    var longest = TimeSpan.FromSeconds(20);
    await life.Drained;
    await Task.Delay(longest);
    Console.Error.WriteLine($"the platform could not be told of this silo's end within {longest.TotalSeconds} s, as while its database is away.");
    Environment.Exit(ExitCodes.Success);
}
