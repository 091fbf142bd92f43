using System.CommandLine;
using System.Globalization;
using Dtt.Cli.Commands;
using Dtt.Cli.Output;
using Dtt.Core.Errors;

// dtt: the command line.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
if (!Console.IsOutputRedirected) Console.SetOut(new TerminalWriter(Console.Out));
var root = new RootCommand("DTT pretrains transformer language models from a terminal; nothing is ever lost.")
{
    QuickstartCommand.Create(),
    StageCommand.Download(),
    StageCommand.Tokenize(),
    TrainCommand.Create(),
    ResumeCommand.Attach(),
    ResumeCommand.Resume(),
    SkipCommand.Create(),
    StopCommand.Create(),
    SampleCommand.Create(),
    EvaluateCommand.Create(),
    AdoptCommand.Create(),
    ImportCommand.Create(),
    ExportCommand.Create(),
    BenchCommand.Create(),
    RunsCommand.Create(),
    ShowCommand.Create(),
    CheckpointsCommand.Create(),
    EventsCommand.Create(),
    LogsCommand.Create(),
    MetricsCommand.Create(),
    PlotCommand.Create(),
    AuditCommand.Create(),
    BatchCommand.Create(),
    PinCommand.Create(),
    DeleteCommand.Create(),
    QueueCommand.Create(),
    DatasetsCommand.Create(),
    ReportCommand.Create(),
    NodesCommand.Create(),
    TokenizerCommand.Create(),
    SiloCommand.Create(),
    DoctorCommand.Create(),
    CompletionCommand.Create(),
    ClusterOption.Instance,
};
var parsed = root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
try
{
    if (parsed.Errors.Count == 0) ClusterOption.Apply(parsed);
    var code = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    return parsed.Errors.Count > 0 ? ExitCodes.BadConfiguration : code;
}
catch (Exception e)
{
    return ErrorReport.Print(e);
}
